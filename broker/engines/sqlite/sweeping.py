"""Removing deliveries that were settled long ago.

They are looked for from the oldest number on. An index by the time of settling would find them at once, and would cost
a page with every delivery that is settled.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final

from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.slices import SLICE
from broker.engines.sqlite.transaction import Transaction, Writes

_SQL = load("outbox")
_MOST_SLICES: Final = 20
"""So many slices are looked at in one sweep: what waits for long, or was settled late, stands among what is old."""


class SettledSweep:
    """Goes through all deliveries again and again, a part with each sweep; a small store is one part."""

    def __init__(self, writer: Writes, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._behind = 0  # the number of the last delivery that was looked at

    async def remove(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` deliveries settled before a steady time, and receipts as old; says how many went."""
        removed = 0
        for _ in range(_MOST_SLICES):
            look = partial(_find_settled, before_us, self._behind, min(SLICE, limit - removed))
            settled, last = await self._readers.read_on_thread(look)
            removed += await self._writer.run(partial(_remove, before_us, settled, limit))
            self._behind = last
            if not last or removed >= limit:
                break
        return removed


def _find_settled(before_us: int, behind: int, most: int, db: sqlite3.Connection) -> tuple[list[int], int]:
    """Up to ``most`` of the next slice that were settled, and the last number looked at: 0 when there is no other."""
    looked = db.execute(_SQL["from_the_oldest"], (before_us, behind, SLICE)).fetchall()
    settled = [seq for seq, is_settled in looked if is_settled]
    if len(settled) > most:
        return settled[:most], settled[most - 1]
    return settled, looked[-1][0] if len(looked) == SLICE else 0


def _remove(before_us: int, settled: Sequence[int], limit: int, transaction: Transaction) -> int:
    db = transaction.db
    old = db.execute(_SQL["settled_before"], (json.dumps(settled), before_us)).fetchall() if settled else []
    for query in ("remove_attempts", "remove_progress", "remove_delivery"):
        db.executemany(_SQL[query], old)
    db.execute(_SQL["sweep_receipts"], (before_us, limit))
    return len(old)
