"""Which branches of templates are ever taken: an environment whose templates tell of each ``if``, ``else`` and ``for``.

Only ``coverage`` uses it. Before a template is compiled, a call is put at the head of each branch; it outputs nothing.
Of ``a if b else c`` within an expression, ``b`` is looked at on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from jinja2 import nodes
from jinja2.environment import Template

from rules.rendering.environment import CompiledTemplate, Templates
from rules.rendering.template_check import references, walk_template
from rules.ruleset import Making, Rule
from rules.source.problems import Place

_TELL: Final = "branch_was_taken"
_LOOK: Final = "condition_was"


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a template: where it begins, what it is (``if``, ``else``, ``for``), and whether it was taken."""

    place: Place
    kind: str
    taken: bool


@dataclass(frozen=True, slots=True)
class _Mark:
    """A branch of a template's tree, with its line in the template's own text."""

    number: int
    line: int
    kind: str


class MarkedTemplates(Templates):
    """Templates that tell which of their branches are taken."""

    def __init__(self, tables: Mapping[str, Any] | None = None) -> None:
        super().__init__(tables)
        self.taken: set[int] = set()
        self._count = 0
        self._marks: dict[int, tuple[Template, list[_Mark]]] = {}
        self._named: dict[int, frozenset[str]] = {}
        self.globals[_TELL] = self.taken.add
        self.globals[_LOOK] = self._note_branch

    def build(self, tree: nodes.Template, name: str | None, filename: str) -> tuple[Template, frozenset[str]]:
        """See Templates; the tree gets its calls first."""
        marks = list(self._mark(tree))
        template, outer = super().build(tree, name, filename)
        self._marks[id(template)] = (template, marks)
        self._named[id(template)] = references(walk_template(tree))
        return template, outer

    def branches(self, compiled: CompiledTemplate) -> Iterator[Branch]:
        """The branches of a rule's template and of the template files that it is or names, in the order of lines."""
        for template, place in self._reach(compiled):
            for mark in sorted(self._marks[id(template)][1], key=lambda mark: mark.line):
                yield Branch(place(mark.line), mark.kind, mark.number in self.taken)

    def numbers(self, compiled: CompiledTemplate) -> frozenset[int]:
        """What ``taken`` calls the branches of a rule's template."""
        return frozenset(mark.number for template, _ in self._reach(compiled) for mark in self._marks[id(template)][1])

    def _reach(self, compiled: CompiledTemplate) -> Iterator[tuple[Template, Callable[[int], Place]]]:
        """The template and those it names, each with the way from its lines to their places."""
        if compiled.template is None:
            return
        is_file = compiled.label in self.shelved
        if not is_file:
            lines = compiled.lines
            yield compiled.template, lambda line: Place(compiled.label, lines[min(line, len(lines)) - 1])
        named = [compiled.label] if is_file else self._named.get(id(compiled.template), ())
        for file in self.with_references(named):
            name = next(name for name, shelved in self.shelved.items() if shelved is file)
            yield self.shelf[name], partial(Place, file.file)

    def _note_branch(self, number: int, value: Any) -> Any:
        """What an inline ``if`` found; its two branches have this number and the next."""
        self.taken.add(number if value else number + 1)
        return value

    def _mark(self, tree: nodes.Template) -> Iterator[_Mark]:
        branching: list[nodes.If | nodes.For] = [*tree.find_all(nodes.If), *tree.find_all(nodes.For)]
        for node in branching:
            yield self._tell(node.body, node.lineno, "if" if isinstance(node, nodes.If) else "for")
            if node.else_:
                line = getattr(node.else_[0], "lineno", None) or node.lineno
                yield self._tell(node.else_, line, "else")
        for choice in tree.find_all(nodes.CondExpr):
            yield from self._look(choice)

    def _look(self, choice: nodes.CondExpr) -> Iterator[_Mark]:
        number, line, self._count = self._count, choice.lineno, self._count + 2
        call = nodes.Call(nodes.Name(_LOOK, "load"), [nodes.Const(number), choice.test], [], None, None)
        choice.test = self._standing(call, line)
        yield _Mark(number, line, "if")
        if choice.expr2 is not None:
            yield _Mark(number + 1, line, "else")

    def _tell(self, body: list[nodes.Node], line: int, kind: str) -> _Mark:
        number, self._count = self._count, self._count + 1
        call = nodes.Call(nodes.Name(_TELL, "load"), [nodes.Const(number)], [], None, None)
        body.insert(0, nodes.ExprStmt(self._standing(call, line), lineno=line))
        body[0].set_environment(self)
        return _Mark(number, line, kind)

    def _standing(self, call: nodes.Call, line: int) -> nodes.Call:
        """The call as if it had been written in this line."""
        call.set_environment(self)
        for node in (call, call.node, *call.args[:1]):
            node.lineno = line
        return call


def templates_of(rule: Rule) -> Iterator[CompiledTemplate]:
    """All templates of a rule, each once."""
    making = rule.making
    templates: list[CompiledTemplate | None] = [making.text, *making.parts.values()]
    templates += [template for field in making.fields for template in (field.title, field.value)]
    templates += [
        *_within(making.body),
        *(template for _, template in rule.sets),
        rule.key,
        rule.quiet.state,
        rule.quiet.since,
    ]
    templates += [step.mention for step in rule.steps]
    templates += [
        template for entry in rule.entries for value in entry.overrides.values() for template in _within(value)
    ]
    seen: set[int] = set()
    for template in templates:
        if template is not None and id(template) not in seen:
            seen.add(id(template))
            yield template


def _within(making: Making) -> Iterable[CompiledTemplate]:
    if isinstance(making, CompiledTemplate):
        return [making]
    if isinstance(making, dict):
        return [template for member in making.values() for template in _within(member)]
    if isinstance(making, list):
        return [template for member in making for template in _within(member)]
    return []
