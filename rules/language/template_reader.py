"""Reads the templates of a rule: inline texts, template files, expressions, and values with templates in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from rules.language.form import Form, describe_value, value_at
from rules.language.text_doubts import text_doubt
from rules.rendering.compiling import compile_expression, compile_file, compile_text
from rules.rendering.environment import CompiledExpression, CompiledTemplate, Mode, Templates
from rules.rendering.template_check import KNOWN_NAMES
from rules.ruleset import FieldMaking, Making
from rules.source.problems import DocumentPath, path_text

PART_MODES: Final[dict[str, Mode]] = {
    "title": "markdown",
    "url": "plain",
    "severity": "plain",
    "color": "plain",
    "icon": "plain",
    "footer": "markdown",
    "mention": "plain",
}
"""The parts of a post beside text, fields and body; in ``markdown`` event values are escaped (semantics.md item 31)."""
POST_NAMES: Final = KNOWN_NAMES | {"phase", "rule", "key", "severity", "incident"}
"""What the parts of a post see beside the event: ``incident`` is ``{since, key}``, or null without one."""
_ABSENT: Final = object()
MOST_COLUMNS: Final = 8
GROUP_NAMES: Final = POST_NAMES | {"events", "still_firing"}


@dataclass(frozen=True, slots=True)
class TemplateReader:
    """Compiles what a rule says in templates, each problem at its place in the file.

    ``variables`` are the names that ``vars`` has there; ``known`` the other names an event has.
    """

    environment: Templates
    variables: tuple[str, ...] = ()
    known: frozenset[str] = KNOWN_NAMES

    def with_variables(self, variables: Iterable[str]) -> TemplateReader:
        """A reader for templates that see these ``vars``."""
        return replace(self, variables=tuple(variables))

    def for_posts(self, *, grouped: bool) -> TemplateReader:
        """A reader for the parts of a post: they know their phase, and with ``group:`` all ``events``."""
        return replace(self, known=GROUP_NAMES if grouped else POST_NAMES)

    def template(self, form: Form, inner: DocumentPath, mode: Mode) -> CompiledTemplate | None:
        """The template at ``inner``; None when the key is not there or has problems."""
        value = _value_at(form, inner)
        if value is _ABSENT:
            return None
        if value is None:
            form.report(inner, f"{inner[-1]} is empty; a text that begins with # must be in quotes")
            return None
        if not isinstance(value, str):
            form.report(inner, f"{inner[-1]} must be a text, a template maybe, not {describe_value(value)}")
            return None
        if doubt := text_doubt(value):
            form.report(inner, doubt, kind="warning")
        return self._compile(form, inner, value, mode)

    def plain(self, form: Form, inner: DocumentPath) -> CompiledTemplate | None:
        """A template whose output is taken as it is: ``set``, ``key``, ``state``, overrides."""
        return self.template(form, inner, "plain")

    def constant(self, form: Form, inner: DocumentPath, source: str) -> CompiledTemplate | None:
        """A template of ours that stands for what the rule leaves out at ``inner``."""
        return self._compile(form, inner, source, "markdown")

    def file(self, form: Form, inner: DocumentPath) -> CompiledTemplate | None:
        """The template file that ``inner`` names."""
        name = form.text(str(inner[-1]))
        if not name:
            return None
        compiled = compile_file(
            name,
            place=form.document.place_of((*form.path, *inner)),
            environment=self.environment,
            sets=self.variables,
            known=self.known,
            path=path_text((*form.path, *inner)),
        )
        if isinstance(compiled, tuple):
            form.problems.extend(compiled)
            return None
        return compiled

    def expression(self, form: Form, key: str) -> CompiledExpression | None:
        """The expression under ``key``."""
        source = form.text(key)
        if not source:
            return None
        path = (*form.path, key)
        compiled = compile_expression(
            source,
            place=partial(form.document.place_inside, path),
            environment=self.environment,
            sets=self.variables,
            known=self.known,
            path=path_text(path),
        )
        if isinstance(compiled, tuple):
            form.problems.extend(compiled)
            return None
        return compiled

    def making(self, form: Form, inner: DocumentPath) -> Making:
        """A value with templates in it: every text is one."""
        value = value_at(form.document, (*form.path, *inner))
        if isinstance(value, str):
            return self._compile(form, inner, value, "plain")
        if isinstance(value, dict):
            return {key: self.making(form, (*inner, key)) for key in value}
        if isinstance(value, list):
            return [self.making(form, (*inner, n)) for n in range(len(value))]
        return value  # type: ignore[no-any-return]

    def parts(self, form: Form) -> dict[str, CompiledTemplate]:
        """Title, url, severity and the other one-line parts of a post."""
        templates = {part: self.template(form, (part,), mode) for part, mode in PART_MODES.items()}
        return {part: template for part, template in templates.items() if template is not None}

    def fields(self, form: Form) -> Iterable[FieldMaking]:
        """``fields:``, a mapping of titles to values, or a list of ``{title, value, short}``."""
        given = form.value.get("fields")
        if isinstance(given, dict):
            for title in given:
                name = self._compile(form, ("fields", title), title, "markdown")
                value = self.template(form, ("fields", title), "markdown")
                if name is not None and value is not None:
                    yield FieldMaking(name, value)
            return
        if given is not None and not isinstance(given, list):
            form.report(
                ("fields",), f"fields must be a mapping of titles to texts, or a list, not {describe_value(given)}"
            )
            return
        for field in form.forms("fields", "a field"):
            field.allow_only(("title", "value", "short"))
            if field.require("title") and field.require("value"):
                name = self.template(field, ("title",), "markdown")
                value = self.template(field, ("value",), "markdown")
                if name is not None and value is not None:
                    yield FieldMaking(name, value, field.flag("short", default=True))

    def columns(self, form: Form) -> Iterable[FieldMaking]:
        """``table:``, a mapping of heads to what stands below them."""
        if "table" not in form:
            return
        table = form.form(("table",), "table", 'table must be a mapping of heads to texts, such as {Host: "..."}')
        if table.is_mapping and not 1 <= len(table.value) <= MOST_COLUMNS:
            form.report(("table",), f"a table has 1 to {MOST_COLUMNS} columns, not {len(table.value)}")
        for head in table.value:
            name = self._compile(table, (head,), str(head), "markdown")
            value = self.template(table, (head,), "markdown")
            if name is not None and value is not None:
                yield FieldMaking(name, value)

    def _compile(self, form: Form, inner: DocumentPath, source: str, mode: Mode) -> CompiledTemplate | None:
        path = (*form.path, *inner)
        compiled = compile_text(
            source,
            place=partial(form.document.place_inside, path),
            environment=self.environment,
            mode=mode,
            sets=self.variables,
            known=self.known,
            path=path_text(path),
        )
        if isinstance(compiled, tuple):
            form.problems.extend(compiled)
            return None
        return compiled


def _value_at(form: Form, inner: DocumentPath) -> Any:
    value: Any = form.value
    for step in inner:
        if isinstance(value, dict) and step not in value:
            return _ABSENT
        value = value[step]
    return value
