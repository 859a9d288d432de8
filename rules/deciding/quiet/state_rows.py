"""An event as state keeps it: whole while it is small, else its own bounded copy.

Groups, incidents and reminders must not depend on the message still being in its topic (semantics.md item 15). An
event beyond ``MAX_BYTES`` loses its longest texts and lists first; a template that misses what was lost gives the
fall-back rendering.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from rules.model import Event, MessageFacts

MAX_BYTES: Final = 16 * 1024
_CUTS: Final = ((4096, 200, 12), (1024, 50, 8), (256, 20, 6), (64, 10, 4))
"""Longest text in runes, longest list or mapping, deepest nesting: tried in turn until the event fits."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(type=tuple)
_LARGEST_INT: Final = 2**63 - 1


def store(event: Event) -> bytes:
    """The event in at most about ``MAX_BYTES``."""
    message = event.message
    text = None if isinstance(event.data, (dict, list)) and event.undecodable is None else event.text
    parts = (
        event.data,
        text,
        dict(event.attributes),
        event.parent,
        event.undecodable,
        event.item,
        (message.id, message.offset, message.topic, message.project, message.publish_time_us),
    )
    body = _encode(parts)
    if body is not None and len(body) <= MAX_BYTES:
        return body
    for runes, items, depth in _CUTS:
        body = _ENCODER.encode(_bound_value(parts, runes, items, depth + 1))
        if len(body) <= MAX_BYTES:
            return body
    smallest: tuple[Any, ...] = (str(event.text)[:1000], None, {}, None, event.undecodable, event.item, parts[6])
    return _ENCODER.encode(_bound_value(smallest, 1000, 10, 4))


def recall(body: bytes) -> Event:
    """The event that ``store`` kept. ``vars`` are not kept: the rule sets them anew."""
    data, text, attributes, parent, undecodable, item, message = _DECODER.decode(body)
    if text is None:
        text = msgspec.json.encode(data if parent is None else parent).decode()
    return Event(
        data=data,
        text=text,
        attributes=attributes,
        message=MessageFacts(*message),
        parent=parent,
        undecodable=undecodable,
        item=item,
    )


def _encode(parts: tuple[Any, ...]) -> bytes | None:
    try:
        return _ENCODER.encode(parts)
    except (OverflowError, UnicodeEncodeError, TypeError, RecursionError):
        return None  # a number beyond 64 bits, half a surrogate pair, an Avro value: the bounded copy mends it


def _bound_value(value: Any, runes: int, items: int, depth: int) -> Any:
    match value:
        case None | bool():
            return value
        case int():
            return value if -_LARGEST_INT <= value <= _LARGEST_INT else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _clean(value if len(value) <= runes else value[: runes - 1] + "…")
        case Mapping() if depth:
            return {
                _clean(str(key)[:runes]): _bound_value(member, runes, items, depth - 1)
                for key, member in list(value.items())[:items]
            }
        case list() | tuple() if depth:
            return [_bound_value(member, runes, items, depth - 1) for member in value[:items]]
        case _:
            return _clean(str(value)[:runes])


def _clean(text: str) -> str:
    return text.encode(errors="replace").decode()
