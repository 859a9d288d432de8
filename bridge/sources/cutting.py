"""Cuts a call that is too large for one message into several: its list is handed out in pieces, in order.

A sender such as Alertmanager drops what is refused, so a list is never refused for its length. What a topic holds of
one message is fixed (AMS's 1.5 MB); only a single text that alone is larger is shortened, and says so where it stands.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from broker.errors import TooLarge
from broker.model import NewMessage
from broker.publish import MESSAGE_LIMIT_BYTES, check_size, message_bytes

MOST_ITEMS: Final = 5_000
"""So many items of a list are in one message at most; rules take twice as many (``for_each``)."""

_SPARE_BYTES: Final = 1_000  # for the attributes that name a part, and the digits of counts
_DEEPEST: Final = 4
_SHORTENED_RUNES: Final = (50_000, 10_000, 2_000, 300)

_Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """The messages of a call. ``parts`` is over 1 when a list was cut; ``shortened`` when texts were."""

    messages: Sequence[NewMessage]
    parts: int = 1
    shortened: bool = False


def cut_message(message: NewMessage, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> Cut:
    """The message as it is if it fits, else in parts.

    Each part is the same document with a piece of its longest list, and has the attributes ``part``, ``parts``,
    ``items`` and, where items have a status, ``firing`` and ``resolved``: numbers of the whole. Raises TooLarge for
    what is no JSON, or has nothing to cut.
    """
    if _fits(message, limit_bytes):
        return Cut([message])
    document = _document(message)
    budget_bytes = (limit_bytes - message_bytes(NewMessage("", message.attributes)) - _SPARE_BYTES) * 3 // 4
    path = _longest_list(document)
    if path is None:
        return Cut([_encode(_shorten(document, budget_bytes), message.attributes)], shortened=True)
    items: list[Any] = _at(document, path)
    rest = _with(document, path, [])
    shortened = len(msgspec.json.encode(rest)) > budget_bytes // 2
    if shortened:
        rest = _shorten(rest, budget_bytes // 2)
    room_bytes = budget_bytes - len(msgspec.json.encode(rest))
    pieces, are_shorter = _pieces(items, room_bytes)
    counts = _counts(items)
    messages = [
        _encode(_with(rest, path, piece), {**message.attributes, **counts, "part": str(n), "parts": str(len(pieces))})
        for n, piece in enumerate(pieces, start=1)
    ]
    return Cut(messages, len(pieces), shortened or are_shorter)


def _fits(message: NewMessage, limit_bytes: int) -> bool:
    if limit_bytes != MESSAGE_LIMIT_BYTES:
        return message_bytes(message) <= limit_bytes
    try:
        check_size(message)
    except TooLarge:
        return False
    return True


def _document(message: NewMessage) -> Any:
    try:
        return msgspec.json.decode(base64.b64decode(message.data, validate=True))
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
        raise TooLarge(message_bytes(message), MESSAGE_LIMIT_BYTES) from None


def _encode(document: Any, attributes: Mapping[str, str]) -> NewMessage:
    return NewMessage(base64.b64encode(msgspec.json.encode(document)).decode(), attributes)


def _longest_list(document: Any) -> _Path | None:
    """Where the list stands that takes most bytes; None when lists take less than half of the document."""
    lists = [(len(msgspec.json.encode(_at(document, path))), path) for path in _lists(document)]
    size_bytes, path = max(lists, key=lambda candidate: candidate[0], default=(0, None))
    return path if size_bytes * 2 > len(msgspec.json.encode(document)) else None


def _lists(value: Any, path: _Path = ()) -> Iterator[_Path]:
    if isinstance(value, list):
        if len(value) > 1:
            yield path
    elif isinstance(value, dict) and len(path) < _DEEPEST:
        for name, member in value.items():
            yield from _lists(member, (*path, name))


def _at(document: Any, path: _Path) -> Any:
    for name in path:
        document = document[name]
    return document


def _with(document: Any, path: _Path, piece: Any) -> Any:
    """The document with another list in that place."""
    if not path:
        return piece
    return {**document, path[0]: _with(document[path[0]], path[1:], piece)}


def _pieces(items: Sequence[Any], room_bytes: int) -> tuple[list[list[Any]], bool]:
    """The items in pieces that fit, in order; an item that alone does not fit is shortened."""
    pieces: list[list[Any]] = []
    used, shortened = room_bytes, False
    for item in items:
        size_bytes = len(msgspec.json.encode(item)) + 1
        if size_bytes > room_bytes:
            item = _shorten(item, room_bytes - 1)
            size_bytes, shortened = len(msgspec.json.encode(item)) + 1, True
        if not pieces or used + size_bytes > room_bytes or len(pieces[-1]) == MOST_ITEMS:
            pieces.append([])
            used = 0
        pieces[-1].append(item)
        used += size_bytes
    return pieces, shortened


def _counts(items: Sequence[Any]) -> dict[str, str]:
    states = [item.get("status") for item in items if isinstance(item, dict)]
    counts = {"items": str(len(items))}
    if states and all(state in ("firing", "resolved") for state in states):
        counts |= {state: str(states.count(state)) for state in ("firing", "resolved")}
    return counts


def _shorten(value: Any, budget_bytes: int) -> Any:
    """The value with its longest texts cut until it fits; each says how much is gone. Raises TooLarge."""
    for runes in _SHORTENED_RUNES:
        shorter = _with_short_texts(value, runes)
        size_bytes = len(msgspec.json.encode(shorter))
        if size_bytes <= budget_bytes:
            return shorter
    raise TooLarge(size_bytes, budget_bytes)


def _with_short_texts(value: Any, runes: int) -> Any:
    match value:
        case str() if len(value) > runes:
            return f"{value[:runes]}… ({len(value) - runes:,} more characters were left out: too large for one message)"
        case dict():
            return {name: _with_short_texts(member, runes) for name, member in value.items()}
        case list():
            return [_with_short_texts(member, runes) for member in value]
        case _:
            return value
