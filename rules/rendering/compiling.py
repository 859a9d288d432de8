"""From a text in a rule file to something that renders, or to all its problems, placed in the file a person edits.

``compile_text`` is for a text in a rule file, ``compile_file`` for ``template: argo/status``, ``compile_expression``
for ``when:``. In all of them ``sets`` are the rule's ``set:`` names that the template may use, and ``known`` the other
names an event can have there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeAlias

from jinja2 import nodes
from jinja2.environment import Template
from jinja2.exceptions import TemplateSyntaxError

from rules.rendering.budget import DEFAULT_LIMITS, Limits
from rules.rendering.environment import CompiledExpression, CompiledTemplate, Mode, Templates
from rules.rendering.markdown_escape import make_storable
from rules.rendering.template_check import (
    KNOWN_NAMES,
    Flaw,
    flaw_of,
    flaws,
    name_flaws,
    own_names,
    parse,
    parse_expression,
    references,
    walk_template,
)
from rules.source.problems import Place, Problem
from rules.source.words import hint, suggest

PlaceAt: TypeAlias = Callable[[int, int], Place]
"""Where a line and column (from 1) of a text stand in its file."""
Problems: TypeAlias = tuple[Problem, ...]

_TAGS: Final = ("{{", "{%", "{#")


def compile_text(
    source: str,
    *,
    place: Place | PlaceAt,
    environment: Templates,
    mode: Mode = "markdown",
    sets: Collection[str] = (),
    known: Collection[str] = KNOWN_NAMES,
    path: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> CompiledTemplate | Problems:
    """A template from a text in a rule file.

    ``place`` is where the text begins, or a function that knows where each of its lines stands.
    """
    place_at = _place_at(place)
    label, lines = _label(source, place_at)
    if not any(tag in source for tag in _TAGS):
        return CompiledTemplate(label, mode, frozenset(), None, make_storable(_without_last_newline(source)))
    tree = parse(source, environment)
    if isinstance(tree, Flaw):
        return _place([tree], place_at, path)
    walked = walk_template(tree)
    faults = flaws(walked, source, environment.tables, environment.file_names, environment.rotas.rotas)
    if faults:
        return _place(faults, place_at, path)
    referred, own = references(walked), own_names(walked)
    built = _build(environment, tree, source)
    if isinstance(built, Flaw):
        return _place([built], place_at, path)
    template, outer = built
    faults = name_flaws(walked, source, outer - own, known, sets)
    problems = (
        *_place(faults, place_at, path),
        *_unusable(environment, referred, place_at(1, 1), path, "it"),
        *_file_problems(environment, referred, known, sets),
    )
    if problems:
        return problems
    return CompiledTemplate(label, mode, _all_names(environment, outer, referred), template, None, limits, lines)


def compile_file(
    name: str,
    *,
    place: Place,
    environment: Templates,
    mode: Mode = "markdown",
    sets: Collection[str] = (),
    known: Collection[str] = KNOWN_NAMES,
    path: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> CompiledTemplate | Problems:
    """The template file of that name. Names it needs that the rule does not have are problems of the file."""
    environment.reach(name)
    if name in environment.unusable:
        return (Problem(place, path, f'the template "{name}" has problems of its own'),)
    if name not in environment.shelved:
        bare = name.removesuffix(".j2").removesuffix(".md").removeprefix("./").removeprefix("templates/")
        usable = sorted(environment.file_names - environment.unusable)
        near = f'; did you mean "{bare}"?' if bare in usable else suggest(name, usable)
        listed = hint(near, f"there are: {', '.join(usable)}")
        return (Problem(place, path, f'there is no template "{name}"{listed}'),)
    problems = (
        *_unusable(environment, (name,), place, path, f'the template "{name}"'),
        *_file_problems(environment, (name,), known, sets),
    )
    if problems:
        return problems
    names = _all_names(environment, (), (name,))
    return CompiledTemplate(name, mode, names, environment.shelf[name], None, limits)


def compile_expression(
    source: str,
    *,
    place: Place | PlaceAt,
    environment: Templates,
    sets: Collection[str] = (),
    known: Collection[str] = KNOWN_NAMES,
    path: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> CompiledExpression | Problems:
    """An expression without braces, as in ``when: "data.count > 3 and data.vo == 'ops'"``."""
    place_at = _place_at(place)
    expression = parse_expression(source, environment)
    if isinstance(expression, Flaw):
        return _place([expression], place_at, path)
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
    tree = nodes.Template(body, lineno=1)
    tree.set_environment(environment)
    walked = walk_template(tree)
    faults = flaws(walked, source, environment.tables, (), environment.rotas.rotas)
    if faults:
        return _place(faults, place_at, path)
    built = _build(environment, tree, source, expression=True)
    if isinstance(built, Flaw):
        return _place([built], place_at, path)
    template, outer = built
    faults = name_flaws(walked, source, outer, known, sets)
    if faults:
        return _place(faults, place_at, path)
    label, lines = _label(source, place_at)
    return CompiledExpression(label, outer, template, limits, lines)


def _build(
    environment: Templates, tree: nodes.Template, source: str, *, expression: bool = False
) -> tuple[Template, frozenset[str]] | Flaw:
    built = environment.inline.get((source, expression))
    if built is None:
        try:
            built = environment.inline[source, expression] = environment.build(tree, None, "<text>")
        except TemplateSyntaxError as error:
            return flaw_of(error, source)
    return built


def _unusable(environment: Templates, names: Iterable[str], place: Place, path: str, who: str) -> Problems:
    """Problems of another file that this template cannot do without."""
    names = frozenset(names)
    referred = names.union(*(template.references for template in environment.with_references(names)))
    return tuple(
        Problem(place, path, f'{who} refers to "{name}", which has problems of its own')
        for name in sorted(referred & environment.unusable)
    )


def _all_names(environment: Templates, outer: Iterable[str], referred: Iterable[str]) -> frozenset[str]:
    return frozenset(outer).union(*(template.outer for template in environment.with_references(referred)))


def _file_problems(
    environment: Templates, names: Iterable[str], known: Collection[str], sets: Collection[str]
) -> Problems:
    return tuple(
        problem
        for template in environment.with_references(names)
        for problem in _place(
            name_flaws(template.tree, template.text, template.outer, known, sets),
            _place_at(Place(template.file)),
            "",
        )
    )


def _place(faults: Iterable[Flaw], place_at: PlaceAt, path: str) -> Problems:
    return tuple(Problem(place_at(flaw.line, flaw.column), path, flaw.text) for flaw in faults)


def _place_at(place: Place | PlaceAt) -> PlaceAt:
    if not isinstance(place, Place):
        return place
    start = place

    def place_at(line: int, column: int) -> Place:
        if line == 1:
            return Place(start.file, start.line, start.column + column - 1)
        return Place(start.file, start.line + line - 1, column)

    return place_at


def _label(source: str, place_at: PlaceAt) -> tuple[str, tuple[int, ...]]:
    """How failures call an inline template: its file, and the file's line for each of its own."""
    lines = tuple(place_at(line, 1).line for line in range(1, source.count("\n") + 2))
    return place_at(1, 1).file, lines


def _without_last_newline(source: str) -> str:
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source.removesuffix("\n")
