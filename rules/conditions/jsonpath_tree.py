"""Reads a JSONPath as jsonpath-ng does: for paths of more than names and indexes, which need no library."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, Final

import jsonpath_ng
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import ExtendedJsonPathParser
from jsonpath_ng.ext.string import DefintionInvalid

from rules.conditions.jsonpath_guard import CannotBound
from rules.conditions.jsonpath_problem import PathProblem, problem_of
from rules.conditions.jsonpath_steps import PathStep, steps_of

_FOREIGN_NAME: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|(?P<name>[^\W\d][\w-]*)""", re.DOTALL)
_UNREADABLE: Final = (
    JSONPathError, DefintionInvalid, re.error, ValueError, TypeError, AttributeError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadPath:
    """A path as jsonpath-ng reads it: its steps, and the plain names that it begins with.

    ``names`` are the keys and indexes of one that can find one value at most; None for others.
    """

    steps: tuple[PathStep, ...]
    names: tuple[str | int, ...] | None
    keys: tuple[str, ...]


def read_path(text: str) -> ReadPath:
    """Read a path that begins with ``$``. Raises PathProblem with the column of what is wrong."""
    tree = _tree_of(text)
    try:
        steps = steps_of(tree)
    except CannotBound as error:
        raise PathProblem(f'the path "{text}" {error}') from None
    return ReadPath(tuple(steps), _names_of(tree), _leading_keys(tree))


def _tree_of(text: str) -> Any:
    try:
        return _by_jsonpath_ng(text if text.isascii() else _FOREIGN_NAME.sub(_in_quotes, text))
    except _UNREADABLE as error:
        given = str(error)
    if not text.isascii():  # for the place: the same with names of the same length that need no quotes
        try:
            _by_jsonpath_ng(_FOREIGN_NAME.sub(_stand_in, text))
        except _UNREADABLE as error:
            given = str(error)
    raise problem_of(text, given)


def _by_jsonpath_ng(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return ExtendedJsonPathParser().parse(text)


def _in_quotes(match: re.Match[str]) -> str:
    """``.日本`` as ``.'日本'``, which jsonpath-ng wants; what is in quotes already stays."""
    name = match["name"]
    return match[0] if name is None or name.isascii() else f"'{name}'"


def _stand_in(match: re.Match[str]) -> str:
    name = match["name"]
    return match[0] if name is None or name.isascii() else "x" * len(name)


def _flat(tree: Any) -> list[Any]:
    """The steps of a path from left to right, without the root; a subtree that is no chain stays whole."""
    if isinstance(tree, jsonpath_ng.Child):
        return [*_flat(tree.left), tree.right]
    return [] if isinstance(tree, jsonpath_ng.Root) else [tree]


def _names_of(tree: Any) -> tuple[str | int, ...] | None:
    """The keys and indexes of a path that can find one value at most, or None."""
    names: list[str | int] = []
    for step in _flat(tree):
        if type(step) is jsonpath_ng.Fields and len(step.fields) == 1:
            names.append(step.fields[0])
        elif type(step) is jsonpath_ng.Index and len(step.indices) == 1:
            names.append(step.indices[0])
        else:
            return None
    return tuple(names)


def _leading_keys(tree: Any) -> tuple[str, ...]:
    """The plain names that a path begins with."""
    keys: list[str] = []
    for step in _flat(tree):
        if type(step) is not jsonpath_ng.Fields or len(step.fields) != 1:
            break
        keys.append(step.fields[0])
    return tuple(keys)
