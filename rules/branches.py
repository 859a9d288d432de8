"""Which branches of templates are ever taken: an environment whose templates tell of each ``if``, ``else`` and ``for``.

Only ``coverage`` uses it. Before a template is compiled, a call is put at the head of each branch; it outputs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import nodes
from jinja2.environment import Template

from rules.environment import CompiledTemplate, Templates
from rules.problems import Place
from rules.ruleset import Making, Rule

_TELL: Final = "branch_was_taken"


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
        self.globals[_TELL] = self.taken.add

    def build(self, tree: nodes.Template, name: str | None, filename: str) -> tuple[Template, frozenset[str]]:
        """See Templates; the tree gets its calls first."""
        marks = list(self._mark(tree))
        template, outer = super().build(tree, name, filename)
        self._marks[id(template)] = (template, marks)
        return template, outer

    def branches(self, compiled: CompiledTemplate) -> Iterator[Branch]:
        """The branches of a rule's template, and of the template files that it is or includes."""
        if compiled.template is None:
            return
        if compiled.label in self.shelved:
            for file in self.with_references([compiled.label]):
                name = next(name for name, shelved in self.shelved.items() if shelved is file)
                yield from self._of(self.shelf[name], lambda line, file=file.file: Place(file, line))
        else:
            lines = compiled.lines
            yield from self._of(compiled.template, lambda line: Place(compiled.label, lines[min(line, len(lines)) - 1]))

    def _of(self, template: Template, place: Any) -> Iterator[Branch]:
        for mark in self._marks[id(template)][1]:
            yield Branch(place(mark.line), mark.kind, mark.number in self.taken)

    def _mark(self, tree: nodes.Template) -> Iterator[_Mark]:
        branching: list[nodes.If | nodes.For] = [*tree.find_all(nodes.If), *tree.find_all(nodes.For)]
        for node in branching:
            yield self._tell(node.body, node.lineno, "if" if isinstance(node, nodes.If) else "for")
            if node.else_:
                line = getattr(node.else_[0], "lineno", None) or node.lineno
                yield self._tell(node.else_, line, "else")

    def _tell(self, body: list[nodes.Node], line: int, kind: str) -> _Mark:
        number, self._count = self._count, self._count + 1
        call = nodes.Call(nodes.Name(_TELL, "load"), [nodes.Const(number)], [], None, None)
        statement = nodes.ExprStmt(call, lineno=line)
        statement.set_environment(self)
        for node in statement.find_all(nodes.Node):
            node.lineno = line
        body.insert(0, statement)
        return _Mark(number, line, kind)


def templates_of(rule: Rule) -> Iterator[CompiledTemplate]:
    """All templates of a rule, each once."""
    making = rule.making
    found: list[CompiledTemplate | None] = [making.text, *making.parts.values()]
    found += [template for one in making.fields for template in (one.title, one.value)]
    found += [*_within(making.body), *(template for _, template in rule.sets), rule.key, rule.quiet.state]
    found += [template for entry in rule.sends for said in entry.overrides.values() for template in _within(said)]
    seen: set[int] = set()
    for template in found:
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
