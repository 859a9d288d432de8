"""A write transaction, and the promise of whoever runs one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Protocol, TypeVar

from broker.engines.sqlite.log_rows import LogRows
from broker.engines.sqlite.lone_deliveries import LoneDeliveries
from broker.engines.sqlite.write_behind_counters import Kept, Sequences, Sums

T = TypeVar("T")


class Transaction:
    """One connection's write transaction: the database, and what is kept in memory beside it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.logs = LogRows()
        self.numbers = Sequences()
        self.sums = Sums()
        self.lone = LoneDeliveries()
        self._kept: tuple[Kept, ...] = (self.logs, self.numbers, self.sums, self.lone)

    def flush(self) -> None:
        """Write what was gathered."""
        for kept in self._kept:
            kept.flush(self.db)

    def settle(self) -> None:
        """The transaction is committed: what was kept in memory for it stands."""
        for kept in self._kept:
            kept.settle()

    def forget(self) -> None:
        """The transaction failed, or somebody else wrote: what was kept in memory is read anew."""
        for kept in self._kept:
            kept.forget()


class Writes(Protocol):
    """Runs operations inside write transactions."""

    @property
    def trouble(self) -> str:
        """Why the last write failed, or "" when it did not."""

    @property
    def is_sure(self) -> bool:
        """Whether what the file shows may be told: not after a COMMIT that failed, until that is cleared up."""

    @property
    def is_alone(self) -> bool:
        """Whether nobody else writes to the file, so that what is known of it stays true until a write of ours."""

    async def run(
        self,
        work: Callable[[Transaction], T],
        then: Callable[[], None] | None = None,
        size_bytes: int = 0,
        within_s: float = 0.0,
    ) -> T:
        """Make one change; it is on disk when this returns. ``then`` is called on the loop once it is in.

        It may wait ``within_s`` seconds for others, to be written with them.
        ``then`` is called even when who asked is cancelled meanwhile. ``work`` may be made twice, the first time
        without consequence. Raises what ``work`` raises, and StoreError.
        """

    async def close(self) -> None:
        """Write what waits and refuse what comes after. Idempotent."""
