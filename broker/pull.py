"""Pull: hand out what stands at the cursor, and open the window for one acknowledgement (ams-api.md 7.3).

A pull never waits (D2) and never moves the cursor, except out of places where nothing can be: below the first retained
message, or above the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from broker.admitted import read_admitted
from broker.clock import US_PER_S, Clock
from broker.model import Cursor, Message
from broker.names import subscription_cursor
from broker.records import Subscription, Topic
from broker.store import Store

LEAST_RATE_SPAN_US: Final = 1_000
"""Rates divide by at least a millisecond (D28)."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a subscription has handed out, repeats included; ``last_us`` 0 when nobody ever pulled."""

    messages: int
    bytes: int
    last_us: int
    rate: float


class PullService:
    """Hands out the messages of subscriptions.

    The caller makes pulls and acknowledgements of one subscription take turns.
    """

    def __init__(self, store: Store, clock: Clock, max_bytes: int) -> None:
        self._store = store
        self._clock = clock
        self._max_bytes = max_bytes
        self._idle_us: dict[str, int] = {}  # when an empty pull that changed nothing was last seen

    async def pull(self, subscription: Subscription, topic: Topic, max_messages: int) -> Sequence[Message]:
        """Up to ``max_messages`` (at least 1) from the cursor on, the same ones until they are acknowledged.

        What the subscription's filter does not admit is passed over, and the cursor with it.
        Fewer when they would take more than the pull's size bound. Raises CursorMoved when another node pulled
        meanwhile.
        """
        cursor = await self._cursor(subscription, topic)
        looked = await read_admitted(
            self._store.log, topic.uid, subscription.filter, cursor.offset, max(max_messages, 1), self._max_bytes
        )
        messages = looked.messages
        if not messages:
            await self._settle_empty_pull(subscription, topic, cursor, looked.end)
            return messages
        now_us = self._clock.wall_us()
        size = sum(len(message.data) for message in messages)
        await self._store.cursors.put(
            replace(
                cursor,
                offset=messages[0].offset,
                pending_to=messages[-1].offset + 1,
                pending_at_us=now_us,
                messages_total=cursor.messages_total + len(messages),
                bytes_total=cursor.bytes_total + size,
                last_consumed_us=now_us,
                consume_rate=message_rate(len(messages), now_us, self._last_us(subscription, cursor)),
            )
        )
        return messages

    async def peek(self, subscription: Subscription, topic: Topic, max_messages: int) -> Sequence[Message]:
        """What ``pull`` would hand out; nothing is counted, and an earlier pull can be acknowledged as before."""
        cursor = await self._cursor(subscription, topic)
        looked = await read_admitted(
            self._store.log, topic.uid, subscription.filter, cursor.offset, max(max_messages, 1), self._max_bytes
        )
        return looked.messages

    async def measure_consumption(self, subscription: Subscription) -> Consumed:
        """What the subscription's metrics show."""
        cursor = await self._store.cursors.get(subscription_cursor(subscription.uid))
        if cursor is None:
            return Consumed(0, 0, 0, 0.0)
        idle_us = self._idle_us.get(subscription.uid, 0)
        if idle_us > cursor.last_consumed_us:
            return Consumed(cursor.messages_total, cursor.bytes_total, idle_us, 0.0)
        return Consumed(cursor.messages_total, cursor.bytes_total, cursor.last_consumed_us, cursor.consume_rate)

    async def _settle_empty_pull(
        self, subscription: Subscription, topic: Topic, cursor: Cursor, passed_to: int
    ) -> None:
        """An empty pull closes the window of an earlier one, and leaves behind what the filter did not admit.

        Written only if it changes that: idle pollers cost no write.
        """
        now_us = self._clock.wall_us()
        bounds = await self._store.log.bounds(topic.uid)
        offset = min(max(passed_to, bounds.first), bounds.end)
        if offset == cursor.offset and cursor.pending_to == offset:
            self._idle_us[subscription.uid] = now_us
            return
        await self._store.cursors.put(
            replace(
                cursor,
                offset=offset,
                pending_to=offset,
                pending_at_us=now_us,
                last_consumed_us=now_us,
                consume_rate=0.0,
            )
        )

    async def _cursor(self, subscription: Subscription, topic: Topic) -> Cursor:
        cursor_id = subscription_cursor(subscription.uid)
        cursor = await self._store.cursors.get(cursor_id)
        if cursor is None:
            return Cursor(cursor_id, offset=(await self._store.log.bounds(topic.uid)).end)
        return cursor

    def _last_us(self, subscription: Subscription, cursor: Cursor) -> int:
        return max(cursor.last_consumed_us, self._idle_us.get(subscription.uid, 0))


def message_rate(messages: int, now_us: int, before_us: int) -> float:
    """Messages per second since ``before_us``; over one second when that is 0 (never), or not in the past."""
    span_us = US_PER_S if not 0 < before_us <= now_us else max(now_us - before_us, LEAST_RATE_SPAN_US)
    return messages * US_PER_S / span_us
