"""The State in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from broker.engines.memory.trouble import Gate
from broker.errors import StateMoved
from broker.model import WAKE_ALL, StateDelete, StatePut, StateRow
from broker.steady import SteadyTime


class MemoryState:
    """See broker.store.State."""

    def __init__(self, steady: SteadyTime, gate: Gate) -> None:
        self._steady = steady
        self._gate = gate
        self._rows: dict[str, StateRow] = {}
        self._version = 0

    async def read(self, keys: Sequence[str]) -> Mapping[str, StateRow]:
        """See State."""
        async with self._gate("state.read"):
            return {key: self._standing(key) or StateRow(key, None, 0) for key in keys}

    async def due(self, topic_uid: str, now_us: int, limit: int) -> Sequence[StateRow]:
        """See State."""
        async with self._gate("state.due"):
            timers = [(due_us, row) for due_us, row in self._timers(topic_uid) if due_us <= now_us]
            return [self._retell(row) for _, row in sorted(timers, key=lambda timer: (timer[0], timer[1].key))[:limit]]

    async def next_due_us(self, topic_uid: str) -> int | None:
        """See State."""
        async with self._gate("state.next_due_us"):
            return min((due_us for due_us, _ in self._timers(topic_uid)), default=None)

    async def list(self, prefix: str, limit: int, after: str = "", *, timed: bool = False) -> Sequence[StateRow]:
        """See State."""
        async with self._gate("state.list"):
            keys = sorted(key for key in self._rows if key.startswith(prefix) and key > after)
            rows = [self._standing(key) for key in keys]
            return [row for row in rows if row is not None and not (timed and row.due_us is None)][:limit]

    async def counts(self) -> Mapping[str, int]:
        """See State."""
        async with self._gate("state.counts"):
            return dict(Counter(row.rule for row in self._rows.values()))

    def check(self, reads: Mapping[str, int]) -> None:
        """Raise StateMoved unless every row that was read still has its version."""
        moved = [key for key, version in reads.items() if version != self._version_of(key, version)]
        if moved:
            raise StateMoved(moved)

    def apply(self, changes: Sequence[StatePut | StateDelete]) -> None:
        """Write and remove rows in order."""
        for change in changes:
            match change:
                case StatePut():
                    self._version += 1
                    self._rows[change.key] = StateRow(
                        change.key,
                        change.value,
                        self._version,
                        change.rule,
                        change.topic_uid,
                        change.due_us,
                        change.expires_us,
                        change.waits_for,
                    )
                case StateDelete():
                    self._rows.pop(change.key, None)
                case _:
                    assert_never(change)

    def wake(self, names: Sequence[str], now_us: int) -> None:
        """Make rows due that wait for any of these names."""
        for key, row in sorted(self._rows.items()) if names else ():
            woken = row.waits_for and (WAKE_ALL in names or not set(names).isdisjoint(row.waits_for))
            if woken and not _is_expired(row, now_us) and (row.due_us is None or row.due_us > now_us):
                self._version += 1
                self._rows[key] = replace(row, version=self._version, due_us=now_us)

    def shift(self, by_us: int) -> None:
        """Move every stored time along after the wall clock was set, and keep values as much behind as they were."""
        for key, row in self._rows.items():
            due_us = None if row.due_us is None else row.due_us + by_us
            behind_us = row.behind_us + by_us
            self._rows[key] = replace(row, due_us=due_us, expires_us=row.expires_us + by_us, behind_us=behind_us)

    def sweep(self, now_us: int, limit: int) -> int:
        """Remove up to ``limit`` expired rows and say how many."""
        expired = [key for key, row in self._rows.items() if _is_expired(row, now_us)][:limit]
        for key in expired:
            del self._rows[key]
        return len(expired)

    def _standing(self, key: str) -> StateRow | None:
        row = self._rows.get(key)
        return None if row is None or _is_expired(row, self._steady.read().wall_us) else self._retell(row)

    def _retell(self, row: StateRow) -> StateRow:
        steady_us = None if row.due_us is None else row.due_us - self._steady.read().offset_us
        return replace(row, steady_due_us=steady_us)

    def _version_of(self, key: str, read_version: int) -> int:
        """The version a reader of ``read_version`` would find; a row that only expired since has not moved."""
        row = self._rows.get(key)
        if row is None or (read_version == 0 and _is_expired(row, self._steady.read().wall_us)):
            return 0
        return row.version

    def _timers(self, topic_uid: str) -> Sequence[tuple[int, StateRow]]:
        return [
            (row.due_us, row)
            for row in self._rows.values()
            if row.due_us is not None and row.topic_uid == topic_uid and self._standing(row.key)
        ]


def _is_expired(row: StateRow, now_us: int) -> bool:
    """Whether a row is past its time; one whose timer is due stays until the timer was fired."""
    return row.expires_us <= now_us and (row.due_us is None or row.due_us > now_us)
