"""The places of an event that a rule may look at: ``$.status``, ``attributes.vo``, ``message.topic``, ``parent.site``.

``$`` begins a JSONPath over the decoded payload (with ``for_each``, over the item), ``parent`` one over the whole
payload. ``attributes.NAME`` is the attribute of that name, dots included. ``text`` is the payload as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeAlias

from rules.conditions.jsonpath import PathProblem, compile_path, spell_path
from rules.conditions.place_advice import suggest_place
from rules.events.moments import from_us
from rules.model import Event
from rules.source.words import suggest, suggest_of

Find: TypeAlias = Callable[[Event], Sequence[Any]]

MESSAGE_NAMES: Final = ("id", "offset", "topic", "project", "publish_time")
ROOTS: Final = ("$", "attributes", "message", "vars", "parent", "text")
_NOTHING: Final[tuple[Any, ...]] = ()


@dataclass(frozen=True, slots=True)
class EventPlace:
    """A place of events, ready to be looked at. Two are equal when their texts are.

    ``find_in(event)`` gives the values that stand there, in order, and never raises. ``is_single`` places hold at most
    one. ``key`` is the name for a place ``$.name``, else None.
    """

    text: str
    find_in: Find = field(compare=False, repr=False)
    is_single: bool = field(compare=False)
    key: str | None = field(compare=False, default=None)


def read_place(text: str, variables: Collection[str] | None = None) -> EventPlace:
    """Read a place. ``variables`` are the names that ``vars`` may have here, None if any.

    Raises PathProblem (a ValueError) with the column of what is wrong and what would help.
    """
    root, name, column = _split(text)
    if root == "vars" and variables is not None and name not in variables:
        raise PathProblem(f'no variable "{name}"{suggest_of(name, sorted(variables), "known")}', column)
    return _compile(text)


@lru_cache(maxsize=16384)
def _compile(text: str) -> EventPlace:
    root, name, column = _split(text)
    if root == "$":
        return _of_payload(text)
    if root == "text":
        return EventPlace(text, lambda event: (event.text,), is_single=True)
    if root == "parent":
        return _of_parent(text)
    if root == "attributes":
        return EventPlace(text, _attribute(name), is_single=True)
    if root == "vars":
        return EventPlace(text, _variable(name), is_single=True)
    if name not in MESSAGE_NAMES:
        raise PathProblem(f'a message has no "{name}"{suggest_of(name, MESSAGE_NAMES, "it has")}', column)
    return EventPlace(text, _fact(name), is_single=True)


def _split(text: str) -> tuple[str, str, int]:
    """The root of a place, the name behind it (for roots that have names), and the name's column."""
    if text.startswith("$"):
        return "$", "", 1
    root, dot, name = text.partition(".")
    if root == "text" and not dot:
        return root, "", 1
    if root == "parent" or root.startswith("parent["):
        return "parent", "", 1
    for named in ("attributes", "vars", "message"):
        if text.startswith(f"{named}[") and text.endswith("]"):
            return named, text[len(named) + 1 : -1].strip("'\""), len(named) + 2
    if root in {"attributes", "vars", "message"}:
        if not name:
            raise PathProblem(f'"{root}" needs a name behind it, such as {root}.{_example(root)}')
        return root, name, len(root) + 2
    raise PathProblem(_unknown(text, root, name))


def _example(root: str) -> str:
    return {"attributes": "type", "vars": "severity", "message": "topic"}[root]


def _unknown(text: str, root: str, rest: str) -> str:
    if root == "data":
        return f'"{text}" is no place to look at; in conditions the payload is $: write ${"." + rest if rest else ""}'
    near = suggest(root, ROOTS)
    if near and "[" not in root:
        return f'"{text}" is no place to look at{near}'
    meant = suggest_place(text)
    if rest or (meant and not re.fullmatch(r"[\w-]+", text)):
        dotted = f" (for a key with dots in its name {spell_path([text])})" if re.fullmatch(r"[\w.-]+", text) else ""
        return f'"{text}" is no place to look at; write {meant or spell_path([text])}{dotted if meant else ""}'
    places = ", ".join(ROOTS)
    return f'"{text}" is no place to look at; for a key of the payload write {spell_path([text])} (places: {places})'


def _of_payload(text: str) -> EventPlace:
    path = compile_path(text)
    find = path.find
    if (
        path.is_simple
        and len(path.path_keys) == 1
        and path.text in {f"$.{path.path_keys[0]}", spell_path(path.path_keys)}
    ):
        only = path.path_keys[0]

        def find_key(event: Event) -> Sequence[Any]:
            data = event.data
            return (data[only],) if isinstance(data, dict) and only in data else _NOTHING

        return EventPlace(text, find_key, is_single=True, key=only)
    return EventPlace(text, lambda event: find(event.data), is_single=path.is_simple)


def _of_parent(text: str) -> EventPlace:
    try:
        path = compile_path("$" + text.removeprefix("parent"))
    except PathProblem as problem:
        words = str(problem).replace('the path "$', 'the path "parent', 1)
        raise PathProblem(words, problem.column + len("parent") - 1) from None
    return EventPlace(text, _in_parent(path.find), is_single=path.is_simple)


def _in_parent(find: Callable[[Any], Sequence[Any]]) -> Find:
    """Looks once into each payload, though every one of its items may ask: ten thousand ask for the same."""
    last: list[tuple[Any, Sequence[Any]]] = [(None, _NOTHING)]

    def find_in(event: Event) -> Sequence[Any]:
        if event.parent is None:
            return _NOTHING
        parent, value = last[0]
        if event.parent is not parent:
            value = find(event.parent)
            last[0] = event.parent, value
        return value

    return find_in


def _attribute(name: str) -> Find:
    return lambda event: (event.attributes[name],) if name in event.attributes else _NOTHING


def _variable(name: str) -> Find:
    return lambda event: (event.vars[name],) if name in event.vars else _NOTHING


def _fact(name: str) -> Find:
    if name == "publish_time":
        return lambda event: (_rfc3339(event.message.publish_time_us),)
    return lambda event: (getattr(event.message, name),)


def _rfc3339(at_us: int) -> str:
    return from_us(at_us).isoformat().replace("+00:00", "Z")
