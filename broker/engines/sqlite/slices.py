"""Removing much in small transactions, so that others get their turn in between."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from broker.engines.sqlite.transaction import Transaction, Writes

SLICE: Final = 500
"""Rows removed in one transaction: some 10 ms of the writer's time."""


async def delete_in_slices(writer: Writes, remove: Callable[[int, Transaction], int], limit: int) -> int:
    """Let ``remove`` take away up to so many rows at a time and say how many, until none is left or ``limit`` went."""
    removed = 0
    while removed < limit:
        wanted = min(SLICE, limit - removed)
        count = await writer.run(partial(remove, wanted))
        removed += count
        if count < wanted:
            break
    return removed
