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
        self._given: Counter[str] = Counter()

    def take_next(self, db: sqlite3.Connection, name: str) -> int:
        """The next number of a sequence."""
        if name not in self._last:
            row = db.execute(_SQL["last_number"], (name,)).fetchone()
            self._last[name] = row[0] if row else 0
        self._last[name] += 1
        self._given[name] += 1
        return self._last[name]

    def give_back(self, name: str) -> None:
        """The number given last was not used after all."""
        self._last[name] -= 1
        self._given[name] -= 1

    def flush(self, db: sqlite3.Connection) -> None:
        """See Kept."""
        db.executemany(_SQL["add"], [("", "number", name, "", "", given, 0) for name, given in self._given.items()])

    def settle(self) -> None:
        """See Kept."""
        self._given.clear()

    def forget(self) -> None:
        """See Kept."""
        self._last.clear()
        self._given.clear()


class Sums:
    """The sums that change with nearly every operation: balances, counters, rows of state by rule."""

    def __init__(self) -> None:
        self._added: dict[tuple[str, str, str, str, str], tuple[int, int]] = {}

    def book(self, entry: tuple[str, str, str, str], deliveries: int, stands_for: int) -> None:
        """Add to one entry of the books of deliveries."""
        topic_uid, destination, state, by = entry
        self._add((topic_uid, "balance", destination, state, by), deliveries, stands_for)

    def count(self, topic_uid: str, name: str, added: int) -> None:
        """Add to a named counter."""
        self._add((topic_uid, "counter", name, "", ""), added)

    def count_rows(self, rule: str, added: int) -> None:
        """Add to the rows of state that a rule holds."""
        self._add(("", "rows", rule, "", ""), added)

    def _add(self, to: tuple[str, str, str, str, str], value: int, stands_for: int = 0) -> None:
        before = self._added.get(to, (0, 0))
        self._added[to] = before[0] + value, before[1] + stands_for

    def flush(self, db: sqlite3.Connection) -> None:
        """See Kept."""
        db.executemany(_SQL["add"], [(*to, *added) for to, added in self._added.items()])

    def settle(self) -> None:
        """See Kept."""
        self.forget()

    def forget(self) -> None:
        """See Kept."""
        self._added.clear()
