"""The world of templates: where they are found, what they see, and what runs them.

``Templates`` is a Jinja environment, sandboxed and strict. All files are read and compiled when it is built; rendering
reads nothing. A template named ``argo/status`` is the file ``argo/status.md.j2`` in the user's folder, else among the
shipped ones; names of includes and imports are written the same way.

Deliberate settings: a block tag takes the line it stands on with it (``trim_blocks``, ``lstrip_blocks``), so that tags
may stand on lines of their own without leaving empty lines; the last newline of a file or text is not part of the
output. Imported templates always see what the importing one sees. A missing name may be walked through
(``data.host.name | default('?')``) but never printed. None prints nothing, true and false print as such, lists and
mappings as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from jinja2 import nodes
from jinja2.environment import Template
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace, missing

from rules.events.moments import us_of
from rules.events.rotas import RotaBook
from rules.rendering.budget import DEFAULT_LIMITS, METER, Limits, Meter, TooMuch, charge_each, weight
from rules.rendering.jinja_filters import ALL_FILTERS, ALL_TESTS
from rules.rendering.markdown import Authored, join_output, join_printed, print_part
from rules.rendering.markdown_escape import markdown, raw_text
from rules.rendering.sandbox import MISSING, attribute, charge_hash, charge_value, contains, flat, operate, slice_value
from rules.rendering.template_code import TemplateCode
from rules.source.words import suggest

MAX_RANGE: Final = 100_000
_SHOWN_KEY_RUNES: Final = 200
Mode: TypeAlias = Literal["markdown", "plain"]
"""``markdown``: event values are escaped (text, title, fields). ``plain``: nothing is (set, key, body, overrides)."""


_PASSING: Final = (Macro, LoopContext)
"""What hands its arguments on as they are; all else may look at all they hold (``loop.changed``, ``get``)."""


class RenderFailed(Exception):
    """A template could not be rendered for an event.

    ``template`` is its name, or the rule file of an inline one; ``line`` is the line there (0 when unknown).
    """

    def __init__(self, template: str, line: int, reason: str) -> None:
        self.template = template
        self.line = line
        self.reason = reason
        super().__init__(f"{template}{f' line {line}' if line else ''}: {reason}")


class Missing(StrictUndefined):
    """A name that is not there for a template. It may be walked through and tested, but not used."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if isinstance(self._undefined_obj, Mapping):
            known = [str(key) for key in self._undefined_obj]
            shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            return f'there is no "{name}"{suggest(name, known[:200])}' + (f"; there is: {shown}" if known else "")
        if self._undefined_obj is missing:
            return f'there is no "{name}"'
        return f'there is no "{name}" in a {_kind(self._undefined_obj)}'


@dataclass(frozen=True, slots=True)
class Shelved:
    """A template file that can be used: its nodes, the names it takes from outside, the templates it refers to."""

    file: str
    text: str
    tree: tuple[nodes.Node, ...]
    outer: frozenset[str]
    references: frozenset[str]


class Templates(ImmutableSandboxedEnvironment):
    """Compiles and runs templates. Renderings may run in several threads at once.

    The functions taken over as attributes are what compiled templates call (``template_code.py``).
    """

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))
    authored = Authored
    joined = staticmethod(join_printed)
    concat = staticmethod(join_output)
    counted = staticmethod(charge_each)
    cut = staticmethod(slice_value)
    weighed = staticmethod(charge_value)
    contains = staticmethod(contains)
    flat = staticmethod(flat)
    hashed = staticmethod(charge_hash)

    def __init__(self, tables: Mapping[str, Any] | None = None) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, undefined=Missing, finalize=print_part, optimized=False, cache_size=0
        )
        self.tables = tables or {}
        self.filters = ALL_FILTERS  # type: ignore[assignment]
        self.tests = dict(ALL_TESTS)
        self.globals = {"range": _range, "dict": dict, "cycler": Cycler, "joiner": Joiner, "namespace": Namespace}
        self.ask_rotas(RotaBook())
        self.shelf: dict[str, Template] = {}
        self.shelved: dict[str, Shelved] = {}
        self.unusable: set[str] = set()
        self.later: dict[str, Callable[[], object]] = {}  # puts a template of that name on the shelf
        self.inline: dict[tuple[str, bool], tuple[Template, frozenset[str]]] = {}

    def ask_rotas(self, book: RotaBook) -> None:
        """Let templates ask these rotas: ``on_call('network')``. Before anything is compiled."""
        self.rotas = book
        self.globals["on_call"] = lambda name: book.on_call(str(name), METER.get().now_us)

    @property
    def file_names(self) -> frozenset[str]:
        """The names of all template files, unusable ones too."""
        return frozenset(self.shelved.keys() | self.later.keys() | self.unusable)

    def reach(self, name: str) -> None:
        """See that a template is on the shelf, if there is one of that name."""
        if name in self.later:
            self.later.pop(name)()

    def with_references(self, names: Iterable[str]) -> Iterator[Shelved]:
        """The named template files and all they refer to, each once."""
        waiting, seen = list(names), set[str]()
        while waiting:
            name = waiting.pop()
            self.reach(name)
            if name in seen or name not in self.shelved:
                continue
            seen.add(name)
            yield self.shelved[name]
            waiting.extend(self.shelved[name].references)

    def build(self, tree: nodes.Template, name: str | None, filename: str) -> tuple[Template, frozenset[str]]:
        """A template from its tree, and the names it takes from outside. Raises TemplateSyntaxError."""
        writer = TemplateCode(self, name, filename)
        try:
            writer.visit(tree)
            code = self._compile(writer.stream.getvalue(), filename)  # type: ignore[attr-defined]
        except (SyntaxError, RecursionError, MemoryError):
            raise TemplateSyntaxError("is nested too deep", 1) from None
        return Template.from_code(self, code, self.globals), frozenset(writer.outer_names - self.globals.keys())

    def _load_template(self, name: Any, globals: Any) -> Template:  # noqa: A002
        template = self.shelf.get(name)
        if template is None:
            raise TemplateNotFound(name, f'there is no template "{name}"{suggest(str(name), self.shelf)}')
        return template

    def getattr(self, obj: Any, attribute_name: str) -> Any:
        """``obj.name``: a key before an attribute, and only attributes meant for templates."""
        if type(obj) is dict:
            value = obj.get(attribute_name, MISSING)
            if value is not MISSING:
                return value
        elif isinstance(obj, Undefined):
            return obj
        value = attribute(obj, attribute_name)
        return self.undefined(obj=obj, name=attribute_name) if value is MISSING else value

    def getitem(self, obj: Any, argument: Any) -> Any:
        """``obj[key]``: only keys of a mapping, nothing of a text; elsewhere a text is an attribute.

        Charged for, as ``sort(attribute='a.b')`` and its kin come here for every member.
        """
        METER.get().charge(1)
        if isinstance(obj, Undefined):
            return obj
        if isinstance(argument, str) and not isinstance(obj, (Mapping, str)):
            return self.getattr(obj, argument)
        try:
            return obj[charge_hash(argument)]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=_key_text(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator in a template, bounded."""
        return operate(operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063
        """Call something from a template, bounded in number and depth."""
        meter = METER.get()
        meter.charge(1 + len(args) + sum(map(weight, args)) + weight(getattr(__obj, "__self__", None)))
        if not isinstance(__obj, _PASSING):
            for arg in args:
                charge_value(arg)
        meter.enter()
        try:
            return super().call(__context, __obj, *args, **kwargs)
        finally:
            meter.leave()


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready to run. ``names`` are the names it takes from outside, those of its includes too.

    ``constant`` is the whole output of a text without any tags.
    """

    label: str
    mode: Mode
    names: frozenset[str]
    template: Template | None = field(compare=False, repr=False)
    constant: str | None = None
    limits: Limits = DEFAULT_LIMITS
    lines: tuple[int, ...] = ()

    def render(self, names: Mapping[str, Any]) -> str:
        """The output for these names (see ``render.names_of``); raises RenderFailed."""
        if self.template is None:
            return self.constant or ""
        meter = Meter(self.limits, us_of(names["now"]))
        token = METER.set(meter)
        try:
            return self._assemble(self.template, names, meter)
        except Exception as error:
            raise failure(error, self.label, self.template, self.lines) from error
        finally:
            METER.reset(token)
            meter.close()

    def _assemble(self, template: Template, names: Mapping[str, Any], meter: Meter) -> str:
        parts: list[str] = []
        room = self.limits.output_runes
        for part in template.root_render_func(_context(template, names)):
            parts.append(part)
            room -= len(part)
            meter.steps_left -= 1
            if room < 0:
                meter.charge_runes(self.limits.output_runes + 1)
            if meter.steps_left < 0:
                meter.charge(0)
        return markdown(parts) if self.mode == "markdown" else raw_text(parts)


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """A Jinja expression ready to run (``when:``)."""

    label: str
    names: frozenset[str]
    template: Template = field(compare=False, repr=False)
    limits: Limits = DEFAULT_LIMITS
    lines: tuple[int, ...] = ()

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """The value of the expression; a missing name as a result is a failure. Raises RenderFailed."""
        meter = Meter(self.limits, us_of(names["now"]))
        token = METER.set(meter)
        try:
            context = _context(self.template, names)
            for _ in self.template.root_render_func(context):
                pass
            value = context.vars["result"]
            if isinstance(value, Undefined):
                str(value)
        except Exception as error:
            raise failure(error, self.label, self.template, self.lines) from error
        finally:
            METER.reset(token)
            meter.close()
        return str.__str__(value) if isinstance(value, str) else value


def failure(error: Exception, label: str, template: Template, lines: tuple[int, ...]) -> RenderFailed:
    """What went wrong in a rendering, with the line of the innermost template it went wrong in.

    ``lines`` are the lines in their file that the lines of an inline template stand on.
    """
    where, line = label, lines[0] if lines else 0
    trace = error.__traceback__
    while trace is not None:
        running = trace.tb_frame.f_globals.get("__jinja_template__")
        if running is not None:
            line = running.get_corresponding_lineno(trace.tb_lineno)
            where = label if running is template else str(running.name)
            if running is template and 0 < line <= len(lines):
                line = lines[line - 1]
        trace = trace.tb_next
    return RenderFailed(where, line, _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "calls itself too deep"
    if isinstance(error, MemoryError):
        return "needs too much memory"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"


def _context(template: Template, names: Mapping[str, Any]) -> Context:
    environment = template.environment
    return Context(environment, {**environment.globals, **names}, template.name, template.blocks)


def _key_text(key: Any) -> str:
    """A key as an error shows it; writing out a nested one might take for ever."""
    return str(key)[:_SHOWN_KEY_RUNES] if isinstance(key, (str, int, float)) or key is None else _kind(key)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (list, tuple)):
        return "list"
    if value is None:
        return "null"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _range(*bounds: int) -> range:
    """Like Python's; raises TooMuch beyond 100,000 numbers."""
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise TooMuch(f"asks for a range of more than {MAX_RANGE} numbers")
    return numbers
