"""JSONPath: jsonpath-ng's syntax and results, compiled once to closures, and bounded.

``compile_path`` parses with jsonpath-ng's extended parser. Names, indexes, slices, wildcards, ``..`` and filters become
closures whose results equal jsonpath-ng's ``find`` (the same values in the same order; a property test holds them
together); what is left (sorting, arithmetic, ``len`` ...) is asked of jsonpath-ng itself.

Bounds, so that no message can stall the daemon: ``..`` looks at the first 200,000 values of a document, a step hands on
at most 100,000 values, what jsonpath-ng itself evaluates sees at most 20,000 items of a list. A path that would need
more finds what lies within the bound.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import jsonpath_ng
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import ExtendedJsonPathParser
from jsonpath_ng.ext.string import DefintionInvalid

from rules.conditions.jsonpath_guard import CannotBound
from rules.conditions.jsonpath_steps import steps_of

MAX_PATH_RUNES: Final = 1000
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_FOREIGN_NAME: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|(?P<name>[^\W\d][\w-]*)""", re.DOTALL)
_UNREADABLE: Final = (
    JSONPathError, DefintionInvalid, re.error, ValueError, TypeError, AttributeError, RecursionError,
)  # fmt: skip
_AT: Final = re.compile(r"(?:at|line) 1[:,](?: col)? ?(\d+)")
_MISSING: Final = object()


class PathProblem(ValueError):
    """A JSONPath that cannot be used; ``column`` (from 1) is where in its text."""

    def __init__(self, text: str, column: int = 1) -> None:
        super().__init__(text)
        self.column = column


@dataclass(frozen=True, slots=True)
class CompiledPath:
    """A JSONPath ready to run. Two are equal when their texts are.

    ``find(document)`` gives the values found, in jsonpath-ng's order; it never raises, and finds nothing in what is no
    mapping or list. ``is_simple`` paths (names and single indexes only) find at most one value. ``path_keys`` are the
    plain names the path begins with: ``("alerts",)`` for ``$.alerts[*].labels``.
    """

    text: str
    find: Callable[[Any], list[Any]] = field(compare=False, repr=False)
    is_simple: bool = field(compare=False)
    path_keys: tuple[str, ...] = field(compare=False)


_WITHOUT_ROOT: Final = re.compile(r"[A-Za-z_][\w-]*(?:(?:\.|\[\*\]|\[\d+\])[\w-]*)*")


@lru_cache(maxsize=16384)
def compile_path(text: str) -> CompiledPath:
    """Compile a path that begins with ``$``; raises PathProblem with the column of what is wrong."""
    if not text.startswith("$"):
        plain = text.strip().removeprefix(".")
        meant = f"$.{plain}" if _WITHOUT_ROOT.fullmatch(plain) else spelled([plain])
        raise PathProblem(f'a path begins with "$"; write {meant if plain else "$.name"}')
    if len(text) > MAX_PATH_RUNES:
        raise PathProblem(f"the path is longer than {MAX_PATH_RUNES} characters")
    tree = _parse(text)
    try:
        steps = steps_of(tree)
    except CannotBound as error:
        raise PathProblem(f'the path "{text}" {error}') from None
    names = _names_of(tree)
    keys = _leading_keys(names)
    if names is not None:
        return CompiledPath(text, _single_find(tuple(names)), is_simple=True, path_keys=keys)

    def find(document: Any) -> list[Any]:
        values = [document]
        for step in steps:
            values = step(values)
            if not values:
                break
        return values

    return CompiledPath(text, find, is_simple=False, path_keys=_leading_keys(_flat(tree)))


def spelled(keys: Iterable[str]) -> str:
    """The path of these keys from the root: ``$.labels['alert.name']``."""
    return "$" + "".join(f".{key}" if _PLAIN_NAME.fullmatch(key) else f"[{_quote(key)}]" for key in keys)


def dotted_key(path: CompiledPath, document: Any) -> str | None:
    """How the path should be spelled when it reads a key with dots as nested keys, or None.

    ``$.url.history`` finds nothing in ``{"url.history": ...}``; then this gives ``$['url.history']``.
    """
    if len(path.path_keys) < 2 or path.find(document):
        return None
    keys = list(path.path_keys)
    for start in range(len(keys) - 1):
        if not isinstance(document, dict):
            return None
        for end in range(len(keys), start + 1, -1):
            if ".".join(keys[start:end]) in document:
                return spelled([*keys[:start], ".".join(keys[start:end]), *keys[end:]])
        document = document.get(keys[start])
    return None


def _parse(text: str) -> Any:
    try:
        return _by_jsonpath_ng(text if text.isascii() else _FOREIGN_NAME.sub(_in_quotes, text))
    except _UNREADABLE as error:
        said = str(error)
    if not text.isascii():  # for the place: the same with names of the same length that need no quotes
        try:
            _by_jsonpath_ng(_FOREIGN_NAME.sub(_stand_in, text))
        except _UNREADABLE as error:
            said = str(error)
    raise _problem(text, said)


def _by_jsonpath_ng(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return ExtendedJsonPathParser().parse(text)


def _in_quotes(found: re.Match[str]) -> str:
    """``.日本`` as ``.'日本'``, which jsonpath-ng wants; what is in quotes already stays."""
    name = found["name"]
    return found[0] if name is None or name.isascii() else f"'{name}'"


def _stand_in(found: re.Match[str]) -> str:
    name = found["name"]
    return found[0] if name is None or name.isascii() else "x" * len(name)


def _problem(text: str, said: str) -> PathProblem:
    """jsonpath-ng's error in our words."""
    match = _AT.search(said)
    column = int(match[1]) + 1 if match else len(text) + 1
    if "EOF in string" in said:
        return PathProblem(f'the path "{text}" has a quote that is never closed', column)
    if match is None and "end of string" not in said:
        return PathProblem(f'the path "{text}" cannot be read: {said}')
    if column > len(text):
        return PathProblem(f'the path "{text}" ends too early; is a bracket not closed?', column)
    if "named operator" in said:
        column = text.rfind("`", 0, column - 1) + 1
        return PathProblem(f'the path "{text}" has an unknown operator between backquotes', column)
    near = text[column - 1 : column + 9]
    hint = _advice(text) or "a name with other characters than letters, digits, _ and - needs quotes: $['a name']"
    return PathProblem(f'the path "{text}" cannot be read from "{near}" on; {hint}', column)


def _flat(tree: Any) -> list[Any]:
    """The steps of a path from left to right, without the root; a subtree that is no chain stays whole."""
    if isinstance(tree, jsonpath_ng.Child):
        return [*_flat(tree.left), tree.right]
    return [] if isinstance(tree, jsonpath_ng.Root) else [tree]


def _names_of(tree: Any) -> list[str | int] | None:
    """The keys and indexes of a path that can find one value at most, or None."""
    names: list[str | int] = []
    for step in _flat(tree):
        if type(step) is jsonpath_ng.Fields and len(step.fields) == 1:
            names.append(step.fields[0])
        elif type(step) is jsonpath_ng.Index and len(step.indices) == 1:
            names.append(step.indices[0])
        else:
            return None
    return names


def _leading_keys(steps: Iterable[Any] | None) -> tuple[str, ...]:
    keys: list[str] = []
    for step in steps or ():
        if isinstance(step, str):
            keys.append(step)
        elif type(step) is jsonpath_ng.Fields and len(step.fields) == 1:
            keys.append(step.fields[0])
        else:
            break
    return tuple(keys)


def _single_find(names: tuple[str | int, ...]) -> Callable[[Any], list[Any]]:
    """``find`` for names and indexes only: the shape of nearly every path, so the shortest code."""
    if len(names) == 1 and isinstance(names[0], str):
        only = names[0]

        def find_key(document: Any) -> list[Any]:
            if isinstance(document, dict) and only in document:
                return [document[only]]
            return []

        return find_key

    def find(document: Any) -> list[Any]:
        value = document
        for name in names:
            if isinstance(name, str):
                if not isinstance(value, dict):
                    return []
                value = value.get(name, _MISSING)
                if value is _MISSING:
                    return []
            elif isinstance(value, list) and -len(value) <= name < len(value):
                value = value[name]
            else:
                return []
        return [value]

    return find


def _quote(key: str) -> str:
    return "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _advice(text: str) -> str:
    """What to write for a path with a function, a pipe or a comparison, as other languages have them; or ""."""
    compared = re.fullmatch(r"(\$[\w.\[\]*'\"-]*)\s*(?:==|=)\s*(.+)", text)
    if compared is not None:
        return f"what must hold stands behind the colon: {compared[1]}: {compared[2]}"
    if re.search(r"(?:length|count|size)\s*\(", text):
        return 'to count write when: "data.alerts | length > 1"'
    if "|" in text or re.search(r"\w\(", text):
        return "a path has no functions; write when: with an expression such as data.alerts | length > 1"
    return ""
