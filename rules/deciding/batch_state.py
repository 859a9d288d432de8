"""State in memory: what a batch has changed but not yet committed, and a whole state for tests and dry runs."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rules.model import Decision, StateChange, StateValue, Timer

ABSENT: Final = StateValue(None, 0)


class Overlay(Mapping[str, StateValue]):
    """State as read, with the changes of earlier messages of the same batch over it.

    Message n sees the changes of n-1; versions stay those that were read, for they are what the one commit of the batch
    compares. ``base`` must hold every key that the batch needs. After ``apply`` for each decision in order, ``reads``
    and ``changes`` are what to commit.
    """

    def __init__(self, base: Mapping[str, StateValue]) -> None:
        self._base = base
        self._changed: dict[str, StateValue] = {}
        self._changes: dict[str, StateChange] = {}
        self.reads: dict[str, int] = {}

    def __getitem__(self, key: str) -> StateValue:
        changed = self._changed.get(key)
        return self._base[key] if changed is None else changed

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __len__(self) -> int:
        return len(self._base)

    def apply(self, decision: Decision) -> None:
        """Lay the changes of one decision over what stands."""
        self.reads.update(decision.reads)
        for change in decision.changes:
            self._changes[change.key] = change
            self._changed[change.key] = StateValue(change.value, self._base[change.key].version)

    @property
    def changes(self) -> tuple[StateChange, ...]:
        """The last change of each row, in the order in which rows were first changed."""
        return tuple(self._changes.values())


@dataclass(frozen=True, slots=True)
class _Row:
    """A row with the number of its last write."""

    change: StateChange
    version: int


class InMemoryState:
    """A whole state in memory: versions, expiry and timers as a store keeps them."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._counts: Counter[str] = Counter()
        self._version = 0
        self._dues: list[tuple[int, str]] = []  # may hold dues that have moved since
        self._ends: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, keys: Iterable[str], now_us: int) -> dict[str, StateValue]:
        """One value for each key; absent and expired ones with version 0. Expired rows are swept first."""
        while self._ends and self._ends[0][0] <= now_us:
            _, key = heapq.heappop(self._ends)
            row = self._rows.get(key)
            if row is not None and row.change.expires_us <= now_us:
                self._remove(key)
        return {key: ABSENT if (row := self._rows.get(key)) is None else _value(row) for key in keys}

    def commit(self, changes: Iterable[StateChange]) -> None:
        """Write and delete rows. Whoever reads and commits in turn needs no comparing of versions."""
        for change in changes:
            self._remove(change.key)
            if change.value is None:
                continue
            self._version += 1
            self._rows[change.key] = _Row(change, self._version)
            self._counts[change.rule] += 1
            heapq.heappush(self._ends, (change.expires_us, change.key))
            if change.due_us is not None:
                heapq.heappush(self._dues, (change.due_us, change.key))
        if max(len(self._ends), len(self._dues)) > 4 * len(self._rows) + 1000:
            self._rebuild()

    def due(self, now_us: int) -> Timer | None:
        """The earliest timer due at ``now_us``, or None."""
        due_us = self.next_due_us()
        if due_us is None or due_us > now_us:
            return None
        row = self._rows[self._dues[0][1]]
        return Timer(row.change.key, row.change.value or b"", row.version, row.change.rule, due_us)

    def next_due_us(self) -> int | None:
        """When the next timer is due, or None."""
        while self._dues:
            due_us, key = self._dues[0]
            row = self._rows.get(key)
            if row is not None and row.change.due_us == due_us:
                return due_us
            heapq.heappop(self._dues)
        return None

    def counts(self) -> Mapping[str, int]:
        """How many rows each rule holds; a live view."""
        return self._counts

    def list_due(self) -> list[StateChange]:
        """All rows that are due some day, as they were last written."""
        return [change for change in self.rows() if change.due_us is not None]

    def rows(self) -> Iterator[StateChange]:
        """All rows as they were last written."""
        return (row.change for row in self._rows.values())

    def _rebuild(self) -> None:
        """Forget the times that rows had before; a row written often would leave one each time."""
        changes = [row.change for row in self._rows.values()]
        self._ends = [(change.expires_us, change.key) for change in changes]
        self._dues = [(change.due_us, change.key) for change in changes if change.due_us is not None]
        heapq.heapify(self._ends)
        heapq.heapify(self._dues)

    def _remove(self, key: str) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self._counts[row.change.rule] -= 1


def _value(row: _Row) -> StateValue:
    return StateValue(row.change.value, row.version)
