"""Cursors as the SQL engines store them: their times in steady time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from broker.model import Cursor
from broker.steady import Reading


def columns_of_cursor(cursor: Cursor, now: Reading) -> tuple[str | int | float, ...]:
    """The row of a cursor, in the order of its fields."""
    return (
        cursor.id,
        cursor.offset,
        cursor.rev,
        cursor.pending_to,
        now.steady_of(cursor.pending_at_us),
        cursor.messages_total,
        cursor.bytes_total,
        now.steady_of(cursor.last_consumed_us),
        float(cursor.consume_rate),
    )


def cursor_of(columns: Sequence[Any], now: Reading) -> Cursor:
    """The cursor of a row, its times as the wall clock tells them now."""
    cursor = Cursor(*columns)
    if not now.offset_us:
        return cursor
    pending_us, consumed_us = now.wall_of(cursor.pending_at_us), now.wall_of(cursor.last_consumed_us)
    return replace(cursor, pending_at_us=pending_us, last_consumed_us=consumed_us)
