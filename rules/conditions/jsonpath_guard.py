"""Takes from a parsed JSONPath what could run without bound, or refuses the path.

Python's regular expressions become RE2, arithmetic takes numbers only (a text times a billion is a gigabyte), and the
number of ``..`` is limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonpath_ng
import re2
from jsonpath_ng import jsonpath as nodes
from jsonpath_ng.ext import arithmetic, iterable, string
from jsonpath_ng.ext import filter as filters

from rules.conditions.regex import compile_regex

MAX_DESCENTS: Final = 3


class CannotBound(Exception):
    """The path could take unbounded time or memory; the text says what to avoid."""


def make_safe(tree: Any) -> None:
    """Change a parsed path so that running it is bounded; raises CannotBound when that cannot be."""
    descents = 0
    for node in walk_path(tree):
        descents += isinstance(node, nodes.Descendants)
        if isinstance(node, nodes._Intersect):
            raise CannotBound('uses "&" between paths, which finds nothing; use && within a filter, or two conditions')
        if isinstance(node, arithmetic.Operation):
            node.op = _numbers_only(arithmetic.OPERATOR_MAP[node.op_symbol])
        if isinstance(node, string.Sub):
            node.regex = _bound_regex(node.expr)
        if isinstance(node, filters.Expression) and node.op == "=~":
            _bound_regex(node.value)
    if descents > MAX_DESCENTS:
        raise CannotBound(f'has more than {MAX_DESCENTS} ".."; name some of the keys between them')


def check_may_be_asked(tree: Any) -> None:
    """Whether jsonpath-ng itself may evaluate this (part of a) path; raises CannotBound if not."""
    descents = 0
    for node in walk_path(tree):
        descents += isinstance(node, nodes.Descendants)
        if isinstance(node, filters.Expression) and node.op == "=~":
            raise CannotBound('uses "=~" in a filter with "$" or operators in it; say it with a regex: condition')
    if descents > 1:
        raise CannotBound(
            'has several ".." beside other operators, which can take too long; name the keys between them'
        )


def walk_path(tree: Any) -> Iterator[Any]:
    """Every node of a parsed path."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("left", "right", "target", "value"):
            child = getattr(node, name, None)
            if isinstance(child, jsonpath_ng.JSONPath):
                waiting.append(child)
        if isinstance(node, filters.Filter):
            waiting.extend(node.expressions)
        elif isinstance(node, filters._BooleanOperation):
            waiting.extend(node.operands)
        elif isinstance(node, iterable.SortedThis):
            waiting.extend(path for path, _ in node.expressions or ())


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bound_regex(pattern: str) -> Any:
    try:
        compile_regex(pattern)
    except ValueError as error:
        raise CannotBound(f"cannot be used: {error}") from None
    return re2.compile(pattern)


def _numbers_only(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def on_numbers(left: Any, right: Any) -> Any:
        if not (is_number(left) and is_number(right)):
            raise TypeError("arithmetic needs numbers")
        return operation(left, right)

    return on_numbers
