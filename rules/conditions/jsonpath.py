"""JSONPath: jsonpath-ng's syntax and results, compiled once to closures, and bounded.

``compile_path`` parses with jsonpath-ng's extended parser, but for paths of nothing but plain names and indexes: nearly
all are, and who has no others never imports it. Names, indexes, slices, wildcards, ``..`` and filters become closures
whose results equal jsonpath-ng's ``find`` (the same values in the same order; a property test holds them together);
what is left (sorting, arithmetic, ``len`` ...) is asked of jsonpath-ng itself.

Bounds, so that no message can stall the daemon: ``..`` looks at the first 200,000 values of a document, a step hands on
at most 100,000 values, what jsonpath-ng itself evaluates sees at most 20,000 items of a list. A path that would need
more finds what lies within the bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final

from rules.conditions.jsonpath_problem import PathProblem as PathProblem

MAX_PATH_RUNES: Final = 1000
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_PLAIN_STEP: Final = re.compile(
    r"""\.(?!(?:where|wherenot|null|true|false)(?![\w@-]))(?P<name>[A-Za-z_][\w-]*)(?=[.[]|$)"""
    r"""|\[(?P<index>-?\d{1,9})\]"""
    r"""|\[(?P<quote>['"])(?P<quoted>[A-Za-z_][\w ./:-]*)(?P=quote)\]""",
    re.ASCII,
)
_MISSING: Final = object()


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
        meant = f"$.{plain}" if _WITHOUT_ROOT.fullmatch(plain) else spell_path([plain])
        raise PathProblem(f'a path begins with "$"; write {meant if plain else "$.name"}')
    if len(text) > MAX_PATH_RUNES:
        raise PathProblem(f"the path is longer than {MAX_PATH_RUNES} characters")
    names = plain_names(text)
    if names is None:
        from rules.conditions.jsonpath_tree import read_path  # takes a while to import, and few paths need it

        read = read_path(text)
        if read.names is None:
            return CompiledPath(text, partial(_find, read.steps), is_simple=False, path_keys=read.keys)
        names = read.names
    keys = _leading_keys(names)
    return CompiledPath(text, _single_find(names), is_simple=True, path_keys=keys)


def plain_names(text: str) -> tuple[str | int, ...] | None:
    """The keys and indexes of a path that holds nothing else, spelled plainly; None for every other path."""
    names: list[str | int] = []
    at = 1
    while at < len(text):
        step = _PLAIN_STEP.match(text, at)
        if step is None:
            return None
        names.append(int(step["index"]) if step["index"] else step["name"] or step["quoted"])
        at = step.end()
    return tuple(names)


def spell_path(keys: Iterable[str]) -> str:
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
                return spell_path([*keys[:start], ".".join(keys[start:end]), *keys[end:]])
        document = document.get(keys[start])
    return None


def _leading_keys(names: Iterable[str | int]) -> tuple[str, ...]:
    """The keys before the first index."""
    keys: list[str] = []
    for name in names:
        if not isinstance(name, str):
            break
        keys.append(name)
    return tuple(keys)


def _find(steps: Iterable[Callable[[list[Any]], list[Any]]], document: Any) -> list[Any]:
    """The values that the steps find, one after the other."""
    values = [document]
    for step in steps:
        values = step(values)
        if not values:
            break
    return values


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
