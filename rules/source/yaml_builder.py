"""Builds plain values from libyaml's events, and beside them the spots where each stands.

One pass, no recursion deeper than ``MAX_DEPTH``, so no file can exhaust the stack; aliases share the value they name
and are counted, so no file can unfold without bound. ``places.py`` is the face of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import yaml

from rules.source.problems import Place, Problem, path_text
from rules.source.scalars import TAGS, plain_scalar, tagged_scalar
from rules.source.yaml_errors import QUOTE_TEMPLATE

MAX_DEPTH: Final = 100
MAX_ALIASED: Final = 100_000
"""How many values all aliases of a file may unfold to, together."""

_BAD_PLAIN_KEYS: Final = {
    "<<": 'a merge key "<<" is not read here; write the lines out, or put the alias under a key',
    "": 'a key is missing before this ":"',
}


class Spot:
    """Where one value stands, where its key stands, and the spots inside it. Lines and columns count from 1."""

    __slots__ = ("block", "children", "column", "key_column", "key_line", "key_quoted", "line", "quoted")

    def __init__(self, line: int, column: int, *, block: bool = False, quoted: bool = False) -> None:
        self.line = line
        self.column = column
        self.key_line = line
        self.key_column = column
        self.block = block
        self.quoted = quoted
        self.key_quoted = False
        self.children: dict[str, Spot] | list[Spot] | None = None

    def child(self, step: str | int) -> Spot | None:
        """The spot of a member, or None."""
        if isinstance(self.children, dict):
            return self.children.get(step) if isinstance(step, str) else None
        if isinstance(self.children, list) and isinstance(step, int) and 0 <= step < len(self.children):
            return self.children[step]
        return None

    def members(self) -> Iterator[tuple[str | int, Spot]]:
        """Each member with its key or index, in file order."""
        if isinstance(self.children, dict):
            yield from self.children.items()
        else:
            yield from enumerate(self.children or ())


class UnreadableDocument(Exception):
    """The document cannot be read further."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


@dataclass(slots=True)
class _Anchor:
    """A value that aliases may repeat: its size and height bound what they unfold to."""

    value: Any
    spot: Spot | None  # None while it is still being built
    size: int
    height: int


class Builder:
    """Turns libyaml's events into values and spots."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self.problems: list[Problem] = []
        self._next: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self._path: list[str | int] = []
        self._anchors: dict[str, _Anchor] = {}
        self._size = 0
        self._aliased = 0
        self._deepest = 0

    def document(self) -> tuple[Any, Spot]:
        """The one document of the stream."""
        self._next()  # stream start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return None, Spot(1, 1)
        value, spot = self._node(self._next(), 0)
        self._next()  # document end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._say(event, 'a second document begins here ("---"); a file holds one, so split the file')
        return value, spot

    def _say(self, event: Any, text: str) -> None:
        place = Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)
        self.problems.append(Problem(place, path_text(self._path), text))

    def _stop(self, event: Any, text: str) -> UnreadableDocument:
        self._say(event, text)
        return UnreadableDocument(self.problems.pop())

    def _node(self, event: Any, depth: int) -> tuple[Any, Spot]:
        self._size += 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.anchor is None:
            return self._unanchor(event, depth)
        name = event.anchor
        if name in self._anchors:
            self._say(event, f'the anchor "&{name}" is set twice; give the second another name')
        anchor = self._anchors[name] = _Anchor(None, None, 0, 0)
        size_before, deepest_before = self._size, self._deepest
        self._deepest = depth
        anchor.value, spot = self._unanchor(event, depth)
        anchor.spot, anchor.size, anchor.height = spot, self._size - size_before + 1, self._deepest - depth
        self._deepest = max(self._deepest, deepest_before)
        return anchor.value, spot

    def _unanchor(self, event: Any, depth: int) -> tuple[Any, Spot]:
        mark = event.start_mark
        if isinstance(event, yaml.ScalarEvent):
            block, quoted = event.style in {"|", ">"}, event.style in {"'", '"'}
            return self._scalar(event), Spot(mark.line + 1, mark.column + 1, block=block, quoted=quoted)
        self._deepen(event, depth)
        spot = Spot(mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.MappingStartEvent):
            self._check_tag(event, "tag:yaml.org,2002:map")
            return self._mapping(event, spot, depth), spot
        self._check_tag(event, "tag:yaml.org,2002:seq")
        return self._sequence(spot, depth), spot

    def _deepen(self, event: Any, depth: int) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            raise self._stop(event, f"nested deeper than {MAX_DEPTH} levels")

    def _alias(self, event: Any, depth: int) -> tuple[Any, Spot]:
        name, mark = event.anchor, event.start_mark
        anchor = self._anchors.get(name)
        spot = Spot(mark.line + 1, mark.column + 1)
        if anchor is None:
            self._say(event, f'no anchor "&{name}" stands above this alias')
            return None, spot
        if anchor.spot is None:
            raise self._stop(event, f'the alias "*{name}" stands inside its own anchor')
        self._size += anchor.size
        self._aliased += anchor.size
        if self._aliased > MAX_ALIASED:
            raise self._stop(event, f"the aliases of this file unfold to more than {MAX_ALIASED} values; write fewer")
        self._deepen(event, depth + anchor.height)
        spot.children = anchor.spot.children
        return anchor.value, spot

    def _sequence(self, spot: Spot, depth: int) -> list[Any]:
        values: list[Any] = []
        children: list[Spot] = []
        spot.children = children
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self._path.append(len(values))
            value, child = self._node(event, depth + 1)
            self._path.pop()
            values.append(value)
            children.append(child)
        return values

    def _mapping(self, start: Any, spot: Spot, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        children: dict[str, Spot] = {}
        spot.children = children
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, start, depth)
            self._path.append(key or "")
            value, child = self._node(self._next(), depth + 1)
            self._path.pop()
            if key is None:
                continue
            first = children.get(key)
            if first is not None:
                at = Place(PurePath(self._file).name, first.key_line, first.key_column)
                self._say(event, f'the key "{key}" stands twice; the first is at {at}')
                continue
            child.key_line, child.key_column = event.start_mark.line + 1, event.start_mark.column + 1
            child.key_quoted = event.style in {"'", '"'}
            values[key] = value
            children[key] = child
        return values

    def _key(self, event: Any, mapping: Any, depth: int) -> str | None:
        """The key's text as written, or None after a problem (its value is then left out)."""
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0]
            if plain and event.value in _BAD_PLAIN_KEYS:
                self._say(event, _BAD_PLAIN_KEYS[event.value])
                return None
            return str(event.value)
        if isinstance(event, yaml.AliasEvent):
            self._say(event, "an alias cannot be a key; write the key out")
            return None
        index = event.start_mark.index
        doubled = self._text[index - 1 : index + 1] == "{{"
        self._say(
            mapping if doubled else event, QUOTE_TEMPLATE if doubled else "a key must be a text; put it in quotes"
        )
        self._node(event, depth + 1)
        return None

    def _scalar(self, event: Any) -> Any:
        if event.tag is None:
            return plain_scalar(event.value) if event.implicit[0] else event.value
        kind = TAGS.get(event.tag)
        if kind is None:
            self._say(event, f'the tag "{_tag_text(event.tag)}" is not known; {_instead_of(event.tag)}')
            return event.value
        try:
            return tagged_scalar(event.value, kind)
        except ValueError as error:
            self._say(event, str(error))
            return event.value

    def _check_tag(self, event: Any, allowed: str) -> None:
        if event.tag not in {None, "!", allowed}:
            self._say(event, f'the tag "{_tag_text(event.tag)}" is not known here; remove it')


def _instead_of(tag: str) -> str:
    word = tag.rpartition(":")[2].lstrip("!").lower()
    if word in ("secret", "env", "env_var", "vault"):
        return "remove it; secrets are for bridge.yaml, as ${credential:NAME} or ${env:NAME}"
    if word.startswith("include"):
        return "remove it; a text of a file is named by template:"
    return "remove it"


def _tag_text(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
