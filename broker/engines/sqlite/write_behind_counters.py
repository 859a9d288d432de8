"""What a group of writes gathers before it is written: numbers given, and additions to sums.

Each of these is loaded once, changed in memory by the operations of a group, and written in a few statements at its
end; a group that fails takes its changes along.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Protocol

from broker.engines.sqlite.queries import load

_SQL = load("keeping")


class Kept(Protocol):
    """Something the writer keeps in memory beside the file."""

    def flush(self, db: sqlite3.Connection) -> None:
        """Write what the group changed; its transaction is still open."""

    def settle(self) -> None:
        """The group's transaction is in: its changes hold."""

    def forget(self) -> None:
        """The group failed, or somebody else wrote to the file: believe nothing that is not read again."""


class Sequences:
    """Sequences by name. A number is given once, for ever."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._changed: set[str] = set()

    def take_next(self, db: sqlite3.Connection, name: str) -> int:
        """The next number of a sequence."""
        if name not in self._last:
            row = db.execute(_SQL["last_number"], (name,)).fetchone()
            self._last[name] = row[0] if row else 0
        self._last[name] += 1
        self._changed.add(name)
        return self._last[name]

    def give_back(self, name: str) -> None:
        """The number given last was not used after all."""
        self._last[name] -= 1

    def flush(self, db: sqlite3.Connection) -> None:
        """See Kept."""
        db.executemany(_SQL["put_number"], [(name, self._last[name]) for name in self._changed])

    def settle(self) -> None:
        """See Kept."""
        self._changed.clear()

    def forget(self) -> None:
        """See Kept."""
        self._last.clear()
        self._changed.clear()


class Sums:
    """The sums that change with nearly every operation: balances, counters, rows of state by rule."""

    def __init__(self) -> None:
        self._balances: dict[tuple[str, str, str, str], tuple[int, int]] = {}
        self._counters: Counter[tuple[str, str]] = Counter()
        self._rows: Counter[str] = Counter()

    def book(self, entry: tuple[str, str, str, str], deliveries: int, stands_for: int) -> None:
        """Add to one entry of the books of deliveries."""
        before = self._balances.get(entry, (0, 0))
        self._balances[entry] = before[0] + deliveries, before[1] + stands_for

    def count(self, topic_uid: str, name: str, added: int) -> None:
        """Add to a named counter."""
        self._counters[topic_uid, name] += added

    def count_rows(self, rule: str, added: int) -> None:
        """Add to the rows of state that a rule holds."""
        self._rows[rule] += added

    def flush(self, db: sqlite3.Connection) -> None:
        """See Kept."""
        if self._balances:
            db.executemany(_SQL["add_balance"], [(*entry, *sums) for entry, sums in self._balances.items()])
        if self._counters:
            db.executemany(_SQL["add_counter"], [(*name, added) for name, added in self._counters.items()])
        if self._rows:
            db.executemany(_SQL["add_rows"], list(self._rows.items()))

    def settle(self) -> None:
        """See Kept."""
        self.forget()

    def forget(self) -> None:
        """See Kept."""
        self._balances.clear()
        self._counters.clear()
        self._rows.clear()
