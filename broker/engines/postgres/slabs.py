"""Where messages lie: which part of a log is in which slab, that is in which table.

A query names the one table it means, so that neither planning nor locking touches the others, however many there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from psycopg.errors import UndefinedTable

from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import Parameters, Rows, ask, load

_SQL: Final = load("slabs")


@lru_cache(maxsize=512)
def in_slab(text: str, slab: int) -> str:
    """A query over slab 0, the table ``messages`` alone, as one over another slab."""
    if not slab:
        return text
    table = f"messages_{slab:d}"
    return text.replace("ONLY messages", table).replace("INTO messages ", f"INTO {table} ")


async def ask_slab(db: Db, text: str, slab: int, parameters: Parameters) -> Rows | None:
    """The rows that a query gives over one slab; None when that was dropped, for retention has passed all of it."""
    try:
        return await ask(db, in_slab(text, slab), parameters)
    except UndefinedTable:
        return None


@dataclass(frozen=True, slots=True)
class LogSlabs:
    """The slabs of one log: from ``starts[n]`` on it lies in ``slabs[n]``, and before all of them in slab 0."""

    starts: tuple[int, ...] = ()
    slabs: tuple[int, ...] = ()

    def at(self, offset: int) -> int:
        """The slab in which an offset lies."""
        return self.since(offset)[0]

    def since(self, offset: int) -> Sequence[int]:
        """The slabs in which it or a later one may lie, in order."""
        return (0, *self.slabs)[bisect_right(self.starts, max(offset, 0)) :]

    def until(self, offset: int) -> Sequence[int]:
        """The slabs in which an earlier one may lie, the last first."""
        every = (0, *self.slabs)
        first = 1 if self.starts[:1] == (0,) else 0
        return every[first : bisect_right(self.starts, max(offset - 1, 0)) + 1][::-1]

    def behind(self, slab: int) -> int | None:
        """From which offset on it lies in the slab behind this one; None for the last."""
        place = self.slabs.index(slab) + 1 if slab in self.slabs else 0
        return self.starts[place] if place < len(self.starts) else None


async def slabs_of(db: Db, log_id: int) -> LogSlabs:
    """The slabs of a log as the database has them."""
    rows = await ask(db, _SQL["of"], (log_id,))
    return LogSlabs(tuple(start for start, _ in rows), tuple(slab for _, slab in rows))


class KnownSlabs:
    """The slabs of logs by their topics' uids, as they were when they were last asked for."""

    def __init__(self) -> None:
        self._of: dict[str, LogSlabs] = {}

    def get(self, topic_uid: str) -> LogSlabs:
        """What is known of a topic's log."""
        return self._of.get(topic_uid, LogSlabs())

    async def learn(self, db: Db, topic_uid: str) -> LogSlabs:
        """Ask the database anew."""
        rows = await ask(db, _SQL["of_topic"], (topic_uid,))
        known = LogSlabs(tuple(start for start, _ in rows), tuple(slab for _, slab in rows))
        self._of[topic_uid] = known
        return known
