"""What can be known to be wrong with a template before any event comes: all at once, each with its line and column.

Jinja stops at the first problem and knows lines only. Here the tree is walked for everything else, and the column is
where the word in question stands in the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from jinja2 import nodes
from jinja2.environment import Environment
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser

from rules.conditions.jsonpath import compile_path
from rules.conditions.regex import compile_regex
from rules.events.rotas import no_rota
from rules.rendering.filters import zone_of
from rules.rendering.jinja_filters import ALL_FILTERS, ALL_TESTS, LEFT_OUT
from rules.rendering.template_advice import FILTERS, NAMES, advise
from rules.source.words import hint, suggest

KNOWN_NAMES: Final = frozenset(("data", "text", "attributes", "message", "vars", "tables", "parent", "now"))
"""What every template finds, beside its rule's ``set:`` names. Callers who add names say so with ``known``."""
MESSAGE_NAMES: Final = frozenset(("id", "offset", "topic", "project", "publish_time", "publish_time_us"))
"""Facts of a message. Beside them, one that is at hand has ``data``: its payload as it was published."""
Nodes: TypeAlias = tuple[nodes.Node, ...]
BLOCKS: Final = "for if macro call filter set include import from extends block with raw"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a template's source; ``line`` and ``column`` count from 1."""

    line: int
    column: int
    text: str


def parse(source: str, environment: Environment, name: str | None = None) -> nodes.Template | Flaw:
    """The tree of a template, or why it has none."""
    return _parse(source, environment, lambda parser: parser.parse(), name, None)


def parse_expression(source: str, environment: Environment) -> nodes.Expr | Flaw:
    """The tree of a bare expression (``when:``), or why it has none."""
    if source.lstrip().startswith(("{{", "{%")):
        return Flaw(1, 1, "write the expression alone, without {{ }}")

    def whole(parser: Parser) -> nodes.Expr:
        expression = parser.parse_expression()
        if not parser.stream.eos:
            parser.fail(f'"{parser.stream.current.value}" is left over after the expression')
        expression.set_environment(environment)
        return expression

    return _parse(source, environment, whole, None, "variable")


def flaw_of(error: TemplateSyntaxError, source: str, word: str = "") -> Flaw:
    """A syntax error as a flaw, at ``word`` in its line."""
    lines = source.splitlines()
    line = lines[error.lineno - 1] if 0 < error.lineno <= len(lines) else ""
    text = _plainly(error.message or "cannot be read")
    return Flaw(*_finder(source)(error.lineno, word), advise(line, text) or text)


def walk_template(tree: nodes.Node) -> Nodes:
    """All nodes of a tree, in the order in which they are written."""
    inner: list[nodes.Node] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inner.append(node)
        children: list[nodes.Node] = []
        for name in node.fields:
            value = getattr(node, name, None)
            if isinstance(value, nodes.Node):
                children.append(value)
            elif isinstance(value, list):
                children.extend(member for member in value if isinstance(member, nodes.Node))
        waiting.extend(reversed(children))
    return tuple(inner)


def flaws(
    tree: Nodes, source: str, tables: Mapping[str, Any], shelf: Collection[str], rotas: Mapping[str, Any]
) -> list[Flaw]:
    """Unknown filters, tests, tables, rotas and templates, unknown tags, and constants that cannot be right."""
    at = _finder(source)
    faults: list[Flaw] = []
    for node in tree:
        if isinstance(node, nodes.Filter):
            faults.extend(_filter_flaws(node, tables, at))
        elif isinstance(node, nodes.Test):
            faults.extend(_test_flaws(node, at))
        elif isinstance(node, (nodes.Getattr, nodes.Getitem)):
            faults.extend(_member_flaws(node, tables, at))
        elif isinstance(node, nodes.Call):
            faults.extend(_rota_flaws(node, rotas, at))
        elif isinstance(node, _REFERRING):
            faults.extend(_reference_flaws(node, shelf, at))
        elif isinstance(node, nodes.ScopedEvalContextModifier):
            text = "autoescape is for HTML; event values are escaped anyway"
            faults.append(Flaw(*at(node.lineno, "autoescape"), text))
    return faults


def references(tree: Nodes) -> frozenset[str]:
    """The templates that this one includes, imports or extends."""
    return frozenset(name for node in tree if isinstance(node, _REFERRING) for name in _template_names(node) or ())


def own_names(tree: Nodes) -> frozenset[str]:
    """The names a template gives itself somewhere: these it may look for outside too, without being wrong."""
    own: set[str] = set()
    for node in tree:
        if isinstance(node, nodes.Name):
            if node.ctx in ("store", "param"):
                own.add(node.name)
        elif isinstance(node, nodes.Macro):
            own.add(node.name)
        elif isinstance(node, nodes.Import):
            own.add(node.target)
        elif isinstance(node, nodes.FromImport):
            own.update(name if isinstance(name, str) else name[1] for name in node.names)
    return frozenset(own)


def name_flaws(
    tree: Nodes, source: str, outer: Collection[str], known: Collection[str], sets: Collection[str]
) -> list[Flaw]:
    """The names a template takes from outside that no event can have; ``sets`` are those of the rule's ``set:``."""
    at = _finder(source)
    known = frozenset(known) | frozenset(sets)
    unknown = set(outer) - known
    faults: list[Flaw] = []
    for node in tree:
        if isinstance(node, nodes.Name) and node.name in unknown:
            unknown.discard(node.name)
            names = ", ".join(sorted(known))
            near = f"; {NAMES[node.name]};" if node.name in NAMES else suggest(node.name, known)
            key = near or f"; for a key of the payload write data.{node.name};"
            found_text = f'no event has the name "{node.name}"{hint(key, f"it has: {names}")}'
            faults.append(Flaw(*at(node.lineno, node.name), found_text))
        name = _member_of(node, "vars") if isinstance(node, (nodes.Getattr, nodes.Getitem)) else None
        if name is not None and name not in sets and name not in _MAPPING_METHODS:
            names = ", ".join(sets) or "nothing"
            text = f'the rule\'s set: has no "{name}"{hint(suggest(name, sets), f"it has: {names}")}'
            faults.append(Flaw(*at(node.lineno, name), text))
    return faults


_REFERRING: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_MAPPING_METHODS: Final = ("get", "items", "keys", "values")
Finder: TypeAlias = Callable[[int, str], tuple[int, int]]
Tree = TypeVar("Tree", nodes.Template, nodes.Expr)


def _parse(
    source: str, environment: Environment, read: Callable[[Parser], Tree], name: str | None, state: str | None
) -> Tree | Flaw:
    parser = None
    try:
        parser = Parser(environment, source, name, None, state)
        return read(parser)
    except TemplateSyntaxError as error:
        token = parser.stream.current if parser is not None else None
        return flaw_of(error, source, str(token.value) if token is not None and token.lineno == error.lineno else "")
    except RecursionError:
        return Flaw(1, 1, "is nested too deep to be read")


def _plainly(message: str) -> str:
    message = message.replace("'", '"').rstrip(".")
    message = message[:1].lower() + message[1:]
    unknown = re.match(r'encountered unknown tag "(\w+)"', message)
    if unknown:
        return f'unknown tag "{unknown[1]}"{suggest(unknown[1], BLOCKS.split())}; tags: {BLOCKS.replace(" ", ", ")}'
    return message


def _finder(source: str) -> Finder:
    """Gives (line, column) of a word in a line; where it is not found, of the line's first sign."""
    lines = source.splitlines() or [""]

    def find(line: int, word: str) -> tuple[int, int]:
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        bounds = (r"\b", r"\b") if re.fullmatch(r"\w+", word) else ("", "")
        match = re.search(f"{bounds[0]}{re.escape(word)}{bounds[1]}", text) if word else None
        column = match.start() if match else len(text) - len(text.lstrip())
        return max(line, 1), column + 1

    return find


def _filter_flaws(node: nodes.Filter, tables: Mapping[str, Any], at: Finder) -> Iterator[Flaw]:
    name = node.name
    if name not in ALL_FILTERS:
        yield Flaw(*at(node.lineno, name), _unknown_filter(name))
        return
    if name in ("map", "select", "reject", "selectattr", "rejectattr"):
        yield from _name_inside(node, name, at)
    argument = _first_constant(node, _ARGUMENT.get(name, ""))
    if argument is None:
        return
    if name == "lookup" and argument not in tables:
        yield Flaw(*at(node.lineno, argument), f"lookup: {_no_table(argument, tables)}")
    try:
        if name in _READ_AT_LOAD:
            _READ_AT_LOAD[name](argument)
    except ValueError as error:
        yield Flaw(*at(node.lineno, argument), f"{name}: {error}")


_ARGUMENT: Final = {"jsonpath": "path", "regex_replace": "pattern", "localtime": "tz", "lookup": "table"}
_READ_AT_LOAD: Final[dict[str, Callable[[str], object]]] = {
    "jsonpath": compile_path,
    "regex_replace": compile_regex,
    "localtime": zone_of,
}


def _name_inside(node: nodes.Filter, name: str, at: Finder) -> Iterator[Flaw]:
    """Filters and tests named as text: ``map('upper')``, ``selectattr('x', 'equalto', 1)``."""
    position: int = 0
    known: Mapping[str, Any] = ALL_FILTERS if name == "map" else ALL_TESTS
    if name.endswith("attr"):
        position = 1
    word = node.args[position] if len(node.args) > position else None
    if isinstance(word, nodes.Const) and isinstance(word.value, str) and word.value not in known:
        is_filter = known is ALL_FILTERS
        text = _unknown_filter(word.value) if is_filter else f'unknown test "{word.value}"{suggest(word.value, known)}'
        yield Flaw(*at(word.lineno, word.value), text)


def _unknown_filter(name: str) -> str:
    """What to say of a filter that is not there, or whose plugin cannot be used."""
    fault = ALL_FILTERS.fault_of(name)
    if fault:
        return f'the filter "{name}" cannot be used: {fault}'
    instead = LEFT_OUT.get(name) or FILTERS.get(name)
    return f'unknown filter "{name}"{f"; {instead}" if instead else suggest(name, ALL_FILTERS)}'


def _first_constant(node: nodes.Filter, keyword: str) -> str | None:
    if not keyword:
        return None
    candidates = [*node.args[:1], *(pair.value for pair in node.kwargs if pair.key == keyword)]
    for candidate in candidates:
        if isinstance(candidate, nodes.Const) and isinstance(candidate.value, str):
            return candidate.value
    return None


def _test_flaws(node: nodes.Test, at: Finder) -> Iterator[Flaw]:
    if node.name not in ALL_TESTS:
        yield Flaw(*at(node.lineno, node.name), f'unknown test "{node.name}"{suggest(node.name, ALL_TESTS)}')


def _reference_flaws(node: nodes.Node, shelf: Collection[str], at: Finder) -> Iterator[Flaw]:
    names = _template_names(node)
    if names is None:
        yield Flaw(
            *at(node.lineno, "{%"), "the name of an included template must be written out, for it is read at load"
        )
        return
    for name in names:
        if name not in shelf and not getattr(node, "ignore_missing", False):
            bare = name.removesuffix(".md.j2").removesuffix(".j2")
            hint = f'; did you mean "{bare}"?' if bare in shelf else suggest(name, shelf)
            yield Flaw(*at(node.lineno, name), f'there is no template "{name}"{hint}')


def _template_names(node: nodes.Node) -> list[str] | None:
    """The names an include (or its kin) may take; None when they are not constant."""
    template = getattr(node, "template", None)
    items = template.items if isinstance(template, (nodes.List, nodes.Tuple)) else [template]
    names = [item.value for item in items if isinstance(item, nodes.Const) and isinstance(item.value, str)]
    return names if len(names) == len(items) else None


def _member_flaws(node: nodes.Node, tables: Mapping[str, Any], at: Finder) -> Iterator[Flaw]:
    table = _member_of(node, "tables")
    if table is not None and table not in tables and table not in _MAPPING_METHODS:
        yield Flaw(*at(node.lineno, table), _no_table(table, tables))
    fact = _member_of(node, "message")
    if fact is not None and fact != "data" and fact not in MESSAGE_NAMES:
        names = ", ".join(sorted(MESSAGE_NAMES - {"publish_time_us"}))
        listed = hint(suggest(fact, MESSAGE_NAMES), f"it has: {names}")
        yield Flaw(*at(node.lineno, fact), f'message has no "{fact}"{listed}')


def _rota_flaws(node: nodes.Call, rotas: Mapping[str, Any], at: Finder) -> Iterator[Flaw]:
    """``on_call('netwrk')``: a rota that is not there."""
    if not isinstance(node.node, nodes.Name) or node.node.name != "on_call":
        return
    name = node.args[0] if node.args else None
    if isinstance(name, nodes.Const) and isinstance(name.value, str) and name.value not in rotas:
        yield Flaw(*at(node.lineno, name.value), no_rota(name.value, rotas))


def _member_of(node: nodes.Node, owner_name: str) -> str | None:
    """``x`` where ``node`` is ``OWNER.x`` or ``OWNER['x']``."""
    owner = getattr(node, "node", None)
    if not isinstance(owner, nodes.Name) or owner.name != owner_name:
        return None
    argument = getattr(node, "arg", None)
    member = getattr(node, "attr", None) or (argument.value if isinstance(argument, nodes.Const) else None)
    return member if isinstance(member, str) else None


def _no_table(name: str, tables: Mapping[str, Any]) -> str:
    listed = hint(suggest(name, tables), f"bridge.yaml has: {', '.join(sorted(tables)) or 'none'}")
    return f'there is no table "{name}"{listed}'
