"""Removing much in small transactions, so that others get their turn in between."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from broker.engines.postgres.calls import Alone
from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import Question, begin, count
from broker.engines.postgres.writer import GroupWrites

SLICE: Final = 2_000
"""Rows removed in one transaction."""


async def delete_in_slices(writer: GroupWrites, removing: Callable[[int], Question], limit: int) -> int:
    """Let a statement take away up to so many rows at a time, until none is left or ``limit`` went; how many did."""
    removed = 0
    while removed < limit:
        wanted = min(SLICE, limit - removed)

        gone = await writer.run(Alone(partial(_remove, removing(wanted))))
        removed += gone
        if gone < wanted:
            break
    return removed


async def _remove(question: Question, db: Db, touched: set[str]) -> int:
    await begin(db)
    return await count(db, *question)
