"""Builders for tests of templates: an environment, an event, one template rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.model import Event, MessageFacts
from rules.rendering.budget import DEFAULT_LIMITS, Limits
from rules.rendering.compiling import compile_expression, compile_text
from rules.rendering.environment import CompiledExpression, CompiledTemplate, Mode, Templates
from rules.rendering.template_files import TemplateSource, shelve
from rules.rendering.template_names import names_of
from rules.source.problems import Place, Problem

NOW_US = 1_767_434_700_000_000  # 2026-01-03 10:05:00 UTC
RULES = Place("rules.d/argo.yaml", 10, 11)


def an_event(data: Any, **changed: Any) -> Event:
    message = MessageFacts(id="7", offset=7, topic="alerts", project="ARGO", publish_time_us=NOW_US - 5_000_000)
    text = data if isinstance(data, str) else ""
    return Event(**{"data": data, "text": text, "attributes": {"type": "alarm"}, "message": message, **changed})


def an_environment(tables: Mapping[str, Any] | None = None, **files: str) -> Templates:
    """With these template files (``argo__parts="..."`` is ``argo/parts``), all of them usable."""
    environment = Templates(tables)
    assert shelve(environment, sources(**files)) == ()
    return environment


def sources(**files: str) -> list[TemplateSource]:
    names = {name.replace("__", "/"): text for name, text in files.items()}
    return [TemplateSource(name, f"templates/{name}.md.j2", text) for name, text in names.items()]


def a_template(
    source: str,
    mode: Mode = "markdown",
    environment: Templates | None = None,
    limits: Limits = DEFAULT_LIMITS,
    **known: Any,
) -> CompiledTemplate:
    found = compile_text(source, place=RULES, environment=environment or Templates(), mode=mode, limits=limits, **known)
    assert isinstance(found, CompiledTemplate), found
    return found


def rendered(
    source: str, data: Any = None, mode: Mode = "markdown", environment: Templates | None = None, **more: Any
) -> str:
    """What a text gives for an event with this data. ``more`` are further names."""
    environment = environment or Templates()
    names = {**names_of(an_event(data), now_us=NOW_US, tables=environment.tables), **more}
    return a_template(source, mode, environment, sets=more.keys()).render(names)


def evaluated(source: str, data: Any = None) -> Any:
    found = compile_expression(source, place=RULES, environment=Templates())
    assert isinstance(found, CompiledExpression), found
    return found.evaluate(names_of(an_event(data), now_us=NOW_US))


def said(problems: object) -> list[str]:
    """Problems as ``line:column text``."""
    assert isinstance(problems, tuple), problems
    assert all(isinstance(problem, Problem) for problem in problems)
    return [f"{problem.place.line}:{problem.place.column} {problem.text}" for problem in problems]
