"""Raises a topic's next offset, so that messages taken over from elsewhere keep their numbers."""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.topic_names import topic_uid

_LARGEST: Final = 2**43
"""Engines keep offsets in 44 bits; so as many again are left."""


class NextOffset(msgspec.Struct, frozen=True):
    """The number that the topic's next message gets; larger than asked for when it has others already."""

    topic: str
    next: int


async def reserve_offset(context: OperatorContext, by: Requester, topic_name: str, offset: int) -> NextOffset:
    """Let the topic go on with at least this number. Raises InvalidInput, NoSuchThing, StoreUnavailable."""
    if not 0 <= offset <= _LARGEST:
        raise InvalidInput("offset", f"offset is a number from 0 to {_LARGEST}")
    uid = topic_uid(context.broker, topic_name)
    before = (await context.store.log.bounds(uid)).end
    if offset > before:
        await context.store.log.reserve(uid, offset)
        await context.note(by, "topic.reserve", topic_name, before={"next": before}, after={"next": offset})
    return NextOffset(topic_name, max(before, offset))
