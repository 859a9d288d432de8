"""Seek: where a subscription stands, and moving it by hand (ams-api.md 7.2, 7.5, 7.7)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broker.errors import OffsetOutOfBounds
from broker.model import Cursor
from broker.names import subscription_cursor
from broker.records import Subscription, Topic
from broker.store import Store


@dataclass(frozen=True, slots=True)
class Offsets:
    """``min`` is the oldest retained offset, ``max`` the next to be written, both -1 without a topic.

    ``current`` is the next to be handed out.
    """

    max: int
    min: int
    current: int


async def offsets(store: Store, subscription: Subscription, topic: Topic | None) -> Offsets:
    """The offsets of a subscription: where it stands, and what its topic retains.

    A cursor outside the log is moved to its nearer end first, which closes an open pull.

    Raises CursorMoved.
    """
    cursor = await _cursor(store, subscription)
    if topic is None:
        return Offsets(max=-1, min=-1, current=cursor.offset)
    bounds = await store.log.bounds(topic.uid)
    current = min(max(cursor.offset, bounds.first), bounds.end)
    if current != cursor.offset:
        await store.cursors.put(replace(cursor, offset=current, pending_to=0, pending_at_us=0))
    return Offsets(max=bounds.end, min=bounds.first, current=current)


async def modify_offset(store: Store, subscription: Subscription, topic: Topic | None, offset: int) -> None:
    """Move the cursor anywhere between ``min`` and ``max`` and close an open pull.

    Raises OffsetOutOfBounds (nothing moved then), CursorMoved.
    """
    if topic is None:
        raise OffsetOutOfBounds(offset, -1, -1)
    bounds = await store.log.bounds(topic.uid)
    if not bounds.first <= offset <= bounds.end:
        raise OffsetOutOfBounds(offset, bounds.first, bounds.end)
    cursor = await _cursor(store, subscription)
    await store.cursors.put(replace(cursor, offset=offset, pending_to=0, pending_at_us=0))


async def offset_behind(store: Store, topic: Topic, time_us: int) -> int:
    """Where whoever wants everything published at or after a time begins; the topic's end when there is nothing."""
    offset = await store.log.offset_at(topic.uid, time_us)
    return offset if offset is not None else (await store.log.bounds(topic.uid)).end


async def move_within(store: Store, subscription: Subscription, topic: Topic, offset: int) -> None:
    """Move the cursor to an offset, or to the nearer end of what is retained, and close an open pull.

    Raises CursorMoved.
    """
    bounds = await store.log.bounds(topic.uid)
    place = min(max(offset, bounds.first), bounds.end)
    cursor = await _cursor(store, subscription)
    await store.cursors.put(replace(cursor, offset=place, pending_to=0, pending_at_us=0))


async def _cursor(store: Store, subscription: Subscription) -> Cursor:
    cursor_id = subscription_cursor(subscription.uid)
    return await store.cursors.get(cursor_id) or Cursor(cursor_id, offset=0)
