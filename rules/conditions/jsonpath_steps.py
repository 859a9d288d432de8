"""The steps of a JSONPath as closures over lists of values: each takes the values so far and gives the next ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import jsonpath_ng
from jsonpath_ng import jsonpath as nodes
from jsonpath_ng.ext import filter as filters
from jsonpath_ng.ext import iterable, string

from rules.conditions.jsonpath_guard import check_may_be_asked, is_number, make_safe, walk_path
from rules.conditions.regex import compile_regex, finds

PathStep: TypeAlias = Callable[[list[Any]], list[Any]]
ValuePredicate: TypeAlias = Callable[[Any], bool]

MAX_VISITS: Final = 200_000
"""How many values of a document ``..`` looks at."""
MAX_VALUES: Final = 100_000
"""How many values a step hands on."""
MAX_ASKED: Final = 20_000
"""How many items of a list, or values of a document, jsonpath-ng itself is asked about."""

# What jsonpath-ng raises where a path does not fit a document: sorting mixed types, the parent of the root, 1/0.
_MISFITS: Final = (TypeError, AttributeError, LookupError, AssertionError, ArithmeticError, ValueError)
_ORDERED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUAL_HOLDS: Final = frozenset({"==", "=", "<=", ">="})


def steps_of(tree: Any) -> list[PathStep]:
    """The closures of a parsed path, to be run one after the other on ``[document]``; raises CannotBound."""
    make_safe(tree)
    steps = _compile(tree)
    return [_ask_whole(tree)] if steps is None else steps


# --- one node, or a chain of them -------------------------------------------------------------------


def _compile(tree: Any) -> list[PathStep] | None:
    """The steps of a tree whose every part needs no more than the value it stands on; None if some part does."""
    if type(tree) in {nodes.Root, nodes.This}:
        return []
    if isinstance(tree, nodes.Child):
        left, right = _compile(tree.left), _compile_right(tree.right)
        return None if left is None or right is None else left + right
    if isinstance(tree, nodes.Descendants):
        left, right = _compile(tree.left), _compile_right(tree.right)
        key = tree.right.fields[0] if type(tree.right) is nodes.Fields and len(tree.right.fields) == 1 else None
        return None if left is None or right is None else [*left, _descent(right, key)]
    step = _leaf(tree)
    return None if step is None else [step]


def _compile_right(tree: Any) -> list[PathStep] | None:
    """As ``_compile``, for what stands right of another step: there ``$`` and ``..`` would need more than a value."""
    if any(isinstance(node, nodes.Root | nodes.Descendants) for node in walk_path(tree)):
        return None
    return _compile(tree)


def _leaf(node: Any) -> PathStep | None:
    if type(node) is nodes.Fields:
        return _fields(node.fields)
    if type(node) is nodes.Wildcard:
        return _at_most(_wildcard)
    if type(node) is nodes.Index:
        return _indexes(node.indices)
    if type(node) is nodes.Slice:
        return _slice(slice(node.start, node.end, node.step))
    if type(node) is filters.Filter:
        return _filter(node)
    if isinstance(node, iterable.Len | iterable.Keys | string.Split | string.Sub | string.Str):
        return _ask_step(node)
    return None


def _at_most(step: PathStep) -> PathStep:
    def ask_bounded(values: list[Any]) -> list[Any]:
        members = step(values)
        return members if len(members) <= MAX_VALUES else members[:MAX_VALUES]

    return ask_bounded


def _fields(names: tuple[str, ...]) -> PathStep:
    if len(names) == 1:
        only = names[0]
        return lambda values: [value[only] for value in values if isinstance(value, dict) and only in value]
    return _at_most(
        lambda values: [value[name] for value in values if isinstance(value, dict) for name in names if name in value]
    )


def _wildcard(values: list[Any]) -> list[Any]:
    members: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            members.extend(value.values())
        elif isinstance(value, list):
            members.extend(value)
    return members


def _indexes(indexes: tuple[int, ...]) -> PathStep:
    return _at_most(
        lambda values: [
            value[index]
            for value in values
            if isinstance(value, list)
            for index in indexes
            if -len(value) <= index < len(value)
        ]
    )


def _slice(part: slice) -> PathStep:
    if part.step == 0:
        return lambda _: []
    return _at_most(lambda values: [item for value in values if isinstance(value, list) for item in value[part]])


def _descent(right: list[PathStep], key: str | None) -> PathStep:
    """Every value below the given ones, themselves included, in file order; ``right`` is asked of each.

    ``key`` is set when ``right`` reads just that key, the usual case, which needs no list for each value.
    """

    def descend(values: list[Any]) -> list[Any]:
        members: list[Any] = []
        waiting = values[::-1]
        visits = 0
        while waiting and visits < MAX_VISITS and len(members) < MAX_VALUES:
            visits += 1
            value = waiting.pop()
            if key is None:
                members.extend(_run(right, value))
            elif isinstance(value, dict) and key in value:
                members.append(value[key])
            if isinstance(value, dict):
                waiting.extend(reversed(value.values()))
            elif isinstance(value, list):
                waiting.extend(reversed(value[:MAX_VISITS]))
        return members

    return _at_most(descend)


def _run(steps: list[PathStep], value: Any) -> list[Any]:
    values = [value]
    for step in steps:
        values = step(values)
    return values


# --- filters ---------------------------------------------------------------------------------------


def _filter(node: Any) -> PathStep | None:
    """``[?(@.status == 'firing')]``: the members of lists and mappings for which all expressions hold."""
    tests = [_test(expression) for expression in node.expressions]
    known = [test for test in tests if test is not None]
    if len(known) < len(tests):
        return (
            None if any(isinstance(inner, nodes.Root | nodes.Parent) for inner in walk_path(node)) else _ask_step(node)
        )
    holds = _all_of(known)

    def select(values: list[Any]) -> list[Any]:
        return [
            member
            for value in values
            for member in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
            if holds(member)
        ]

    return _at_most(select)


def _test(expression: Any) -> ValuePredicate | None:
    """One expression of a filter as a function of a member, or None when it needs more than the member."""
    if isinstance(expression, filters._BooleanOperation):
        tests = [_test(operand) for operand in expression.operands]
        known = [test for test in tests if test is not None]
        if len(known) < len(tests):
            return None
        return _all_of(known) if isinstance(expression, filters.And) else _any_of(known)
    if type(expression) is not filters.Expression or isinstance(expression.value, jsonpath_ng.JSONPath):
        return None
    target = _compile_right(expression.target)
    if target is None:
        return None
    if expression.op is None:
        return lambda member: bool(_run(target, member))
    if expression.op == "!":
        return lambda member: not _run(target, member)
    compare = _comparison(expression.op, expression.value)
    if_absent = expression.op == "!="

    def holds(member: Any) -> bool:
        members = _run(target, member)
        return any(map(compare, members)) if members else if_absent

    return holds


def _comparison(op: str, literal: Any) -> ValuePredicate:
    """RFC 9535's comparison with a literal: only two numbers or two texts are ordered; all else is equal or not."""
    if op == "=~":
        regex = compile_regex(literal)
        return lambda value: finds(regex, value)
    when_equal, when_not = op in _EQUAL_HOLDS, op == "!="
    if literal is None or isinstance(literal, bool):
        return lambda value: when_equal if value is literal else when_not
    ordered = _ORDERED[op]
    same_kind = _is_text if isinstance(literal, str) else is_number
    return lambda value: ordered(value, literal) if same_kind(value) else when_not


def _all_of(tests: list[ValuePredicate]) -> ValuePredicate:
    return tests[0] if len(tests) == 1 else lambda member: all(test(member) for test in tests)


def _any_of(tests: list[ValuePredicate]) -> ValuePredicate:
    return lambda member: any(test(member) for test in tests)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


# --- what jsonpath-ng itself is asked ---------------------------------------------------------------


def _ask_step(node: Any) -> PathStep:
    check_may_be_asked(node)

    def ask(values: list[Any]) -> list[Any]:
        members: list[Any] = []
        for value in values[:MAX_ASKED]:
            members.extend(_find_by(node, value[:MAX_ASKED] if isinstance(value, list) else value))
        return members

    return _at_most(ask)


def _ask_whole(tree: Any) -> PathStep:
    check_may_be_asked(tree)
    walks = any(isinstance(node, nodes.Descendants | filters.Filter | iterable.SortedThis) for node in walk_path(tree))

    def ask(values: list[Any]) -> list[Any]:
        document = values[0]
        return [] if walks and _is_larger(document, MAX_ASKED) else _find_by(tree, document)

    return _at_most(ask)


def _find_by(node: Any, value: Any) -> list[Any]:
    try:
        matches = node.find(jsonpath_ng.DatumInContext(value))
        return [match.value for match in matches]
    except _MISFITS:
        return []


def _is_larger(document: Any, limit: int) -> bool:
    waiting, left = [document], limit
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            left -= len(value)
            if left < 0:
                return True
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return False
