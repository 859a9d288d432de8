"""Acknowledge: move the cursor past the largest offset given, once per pull, within the deadline (ams-api.md 7.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.clock import Clock
from broker.days import whole_seconds
from broker.errors import AckRefused, OutcomeUnknown
from broker.model import Cursor
from broker.names import subscription_cursor
from broker.records import Subscription
from broker.store import Cursors

_AHEAD_S: Final = -1
"""How far ahead a pull may lie for which nobody set a clock."""


async def acknowledge(cursors: Cursors, clock: Clock, subscription: Subscription, offset: int) -> Cursor:
    """Everything up to ``offset`` is done; the window closes, whatever of the pull lies above it.

    Raises AckRefused: ``no ack pending`` when no pull is open, ``wrong ack`` outside what the last pull gave, ``ack
    timeout`` from one second after the deadline on (whole seconds are compared, so 0 means within the same second), and
    for a pull that a clock ahead of ours saw.
    OutcomeUnknown only when the cursor does not show the move.
    """
    cursor = await cursors.get(subscription_cursor(subscription.uid))
    if cursor is None or cursor.pending_to == 0:
        raise AckRefused("no ack pending")
    after = offset + 1
    if not cursor.offset < after <= cursor.pending_to:
        raise AckRefused("wrong ack")
    waited_s = whole_seconds(clock.wall_us()) - whole_seconds(cursor.pending_at_us)
    if not _AHEAD_S <= waited_s <= subscription.ack_deadline_s:
        raise AckRefused("ack timeout")
    moved = replace(cursor, offset=after, pending_to=0, pending_at_us=0)
    try:
        return await cursors.put(moved)
    except OutcomeUnknown:
        current = await cursors.get(cursor.id)
        if current is None or (current.offset, current.pending_to) != (after, 0):
            raise
        return current
