"""Deliveries that are alone in their lines and were leased by the commit that brought them: they stand in no index.

Nearly every delivery of a quiet service is one. It would enter two indexes of lines with one transaction and leave them
with the next, and each of those changes a page. So it is told by a short row among the sums, whose page changes anyway.
Whatever else happens to it than the end of its lease in time lets it stand in its line as others do (``lay_down``).
"""

from __future__ import annotations

import sqlite3
from typing import Final, TypeAlias

from broker.engines.sqlite.queries import load

_SQL = load("outbox")
FIRST_LEASE: Final = 1
"""The number of the lease that the commit gives."""

OneLine: TypeAlias = tuple[str, str]
"""A destination and an order key."""


class LoneDeliveries:
    """The lone deliveries of a store by their lines: their numbers, and when their leases end in steady time."""

    def __init__(self) -> None:
        self._lone: dict[OneLine, tuple[int, int]] | None = None
        self._changed: set[OneLine] = set()

    def _load(self, db: sqlite3.Connection) -> dict[OneLine, tuple[int, int]]:
        if self._lone is None:
            rows = db.execute(_SQL["lone"])
            self._lone = {(name, order_key): (seq, due_us) for name, order_key, seq, due_us in rows}
        return self._lone

    def holds(self, db: sqlite3.Connection, line: OneLine, seq: int) -> bool:
        """Whether a delivery is one of them."""
        return self._load(db).get(line, (0, 0))[0] == seq

    def is_in(self, db: sqlite3.Connection, line: OneLine) -> bool:
        """Whether one stands in a line."""
        return line in self._load(db)

    def put(self, db: sqlite3.Connection, line: OneLine, seq: int, due_us: int) -> None:
        """One more; its row says the same."""
        self._load(db)[line] = seq, due_us
        self._changed.add(line)

    def end(self, db: sqlite3.Connection, line: OneLine) -> None:
        """One less: it waits no longer."""
        del self._load(db)[line]
        self._changed.add(line)

    def lay_down(self, db: sqlite3.Connection, line: OneLine) -> None:
        """Let the one of a line, if there is one, stand in it as others do."""
        seq, _ = self._load(db).get(line, (0, 0))
        if seq:
            db.execute(_SQL["lay_down"], (seq,))
            self.end(db, line)

    def lay_down_expired(self, db: sqlite3.Connection, destination: str, now_us: int) -> None:
        """The same for those of a destination whose leases have ended by a steady time."""
        lone = self._load(db)
        for line in [line for line, (_, due_us) in lone.items() if line[0] == destination and due_us <= now_us]:
            self.lay_down(db, line)

    def lay_down_number(self, db: sqlite3.Connection, seq: int) -> None:
        """The same for a delivery by its number."""
        for line in [line for line, (other, _) in self._load(db).items() if other == seq]:
            self.lay_down(db, line)

    def lay_down_all(self, db: sqlite3.Connection, destination: str | None = None) -> None:
        """The same for those of a destination, or of all."""
        for line in [line for line in self._load(db) if destination in (None, line[0])]:
            self.lay_down(db, line)

    def flush(self, db: sqlite3.Connection) -> None:
        """See Kept."""
        if self._changed:
            lone = self._load(db)
            db.executemany(_SQL["forget_lone"], [line for line in self._changed if line not in lone])
            db.executemany(_SQL["tell_lone"], [(*line, *lone[line]) for line in self._changed if line in lone])

    def settle(self) -> None:
        """See Kept."""
        self._changed.clear()

    def forget(self) -> None:
        """See Kept."""
        self._lone = None
        self._changed.clear()
