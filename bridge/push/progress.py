"""How far a push subscription is: its cursor, moved only after success, and never against somebody who moved it first.

After a push succeeded only this is repeated, whatever the store does in between; where it cannot say whether a move is
in, the cursor itself tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from broker.clock import Clock, moment_of
from broker.errors import CursorMoved, StoreError
from broker.model import Commit, Cursor, CursorMove, Message, NewDelivery
from broker.names import subscription_cursor
from broker.pull import message_rate
from broker.store import Store

_AGAIN_S: Final = 1.0


class PushProgress:
    """The cursor of one push subscription. ``notify`` hears why a move has to wait."""

    def __init__(self, store: Store, clock: Clock, subscription_uid: str, notify: Callable[[str], None]) -> None:
        self._store = store
        self._clock = clock
        self._id = subscription_cursor(subscription_uid)
        self._notify = notify

    async def load_cursor(self, topic_uid: str) -> Cursor:
        """The cursor of the subscription; at the topic's end when it stood nowhere yet. Raises StoreError."""
        cursor = await self._store.cursors.get(self._id)
        if cursor is None:
            return Cursor(self._id, offset=(await self._store.log.bounds(topic_uid)).end)
        return cursor

    async def advance(self, cursor: Cursor, pushed: Sequence[Message]) -> None:
        """Move past messages that were pushed."""
        await self._move(cursor, pushed, None)

    async def pass_over(self, cursor: Cursor, end: int) -> None:
        """Move past messages that the subscription's filter does not admit. Raises StoreError, CursorMoved."""
        await self._store.cursors.put(replace(cursor, offset=end, pending_to=0, pending_at_us=0))

    async def give_up(self, cursor: Cursor, message: Message, dead: NewDelivery) -> None:
        """Move past a message that becomes a dead letter, both in one commit."""
        await self._move(cursor, [message], dead)

    async def _move(self, begun: Cursor, messages: Sequence[Message], dead: NewDelivery | None) -> None:
        current: Cursor | None = begun
        while True:
            try:
                current = current or await self._store.cursors.get(self._id) or (None if begun.rev else begun)
                if current is None or current.offset != begun.offset:
                    return  # deleted, or moved: by somebody, or by the try whose outcome was unknown
                await self._store.commit(self._commit(current, messages, dead))
            except CursorMoved:
                current = None
            except StoreError as why:
                self._notify(str(why))
                current = None
                await self._clock.sleep(_AGAIN_S)
            else:
                return

    def _commit(self, cursor: Cursor, messages: Sequence[Message], dead: NewDelivery | None) -> Commit:
        moved = replace(cursor, offset=messages[-1].offset + 1, pending_to=0, pending_at_us=0)
        if dead is not None:
            return Commit(cursors=[CursorMove(moved)], dead=[dead])
        now = moment_of(self._clock)
        counted = replace(
            moved,
            messages_total=cursor.messages_total + len(messages),
            bytes_total=cursor.bytes_total + sum(len(message.data) for message in messages),
            last_consumed_us=now.wall_us,
            consume_rate=message_rate(len(messages), now.wall_us, cursor.last_consumed_us),
        )
        return Commit(cursors=[CursorMove(counted)], told_at=now)
