"""The State on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.slices import delete_in_slices
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.engines.texts import after_prefix
from broker.errors import StateMoved
from broker.model import WAKE_ALL, StateDelete, StatePut, StateRow
from broker.steady import Reading, SteadyTime

_SQL = load("state")
_NEVER: Final = 2**63
_DUE: Final = (-_NEVER, -_NEVER)  # a timer that may be due, for all we know


class SqliteState:
    """See broker.store.State."""

    def __init__(self, steady: SteadyTime, writer: Writes, readers: Readers) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers
        self._first_timers: dict[str, tuple[int, int]] = {}
        """The first timer of a topic, where it is known since the last change: when it is due, and when it expires."""

    def forget_kept(self) -> None:
        """Rows changed, or may have: what was known of due times is read again."""
        self._first_timers.clear()

    async def read(self, keys: Sequence[str]) -> Mapping[str, StateRow]:
        """See State."""

        def read(db: sqlite3.Connection) -> Mapping[str, StateRow]:
            now = self._steady.read()
            rows = {key: StateRow(key, None, 0) for key in keys}
            rows.update((row[0], _row(row, now)) for row in db.execute(_SQL["read"], (_json(keys), now.steady_us)))
            return rows

        return await self._readers.read_at_once(read)

    async def due(self, topic_uid: str, now_us: int, limit: int) -> Sequence[StateRow]:
        """See State."""
        self._readers.check()
        if self._first_timers.get(topic_uid, _DUE)[0] > self._steady.read().steady_of(now_us):
            return []

        def read(db: sqlite3.Connection) -> Sequence[StateRow]:
            now = self._steady.read()
            return [_row(row, now) for row in db.execute(_SQL["due"], (topic_uid, now.steady_of(now_us), limit))]

        return await self._readers.read_at_once(read)

    async def next_due_us(self, topic_uid: str) -> int | None:
        """See State."""
        self._readers.check()
        now = self._steady.read()
        due_us, expires_us = self._first_timers.get(topic_uid, _DUE)
        if min(due_us, expires_us) > now.steady_us:
            return None if due_us == _NEVER else due_us + now.offset_us

        def read(db: sqlite3.Connection) -> int | None:
            now = self._steady.read()
            if self._writer.is_alone:
                first = db.execute(_SQL["first_timer"], (topic_uid,)).fetchone()
                self._first_timers[topic_uid] = first or (_NEVER, _NEVER)
            row = db.execute(_SQL["next_due"], (topic_uid, now.steady_us)).fetchone()
            return row[0] + now.offset_us if row else None

        return await self._readers.read_at_once(read)

    async def list(self, prefix: str, limit: int, after: str = "", *, timed: bool = False) -> Sequence[StateRow]:
        """See State."""
        query, now = _SQL["list_timed" if timed else "list"], self._steady.read()
        bounds = (prefix, after_prefix(prefix), now.steady_us, limit, after)
        return await self._readers.read_on_thread(lambda db: [_row(row, now) for row in db.execute(query, bounds)])

    async def counts(self) -> Mapping[str, int]:
        """See State."""
        return await self._readers.read_at_once(lambda db: dict(db.execute(_SQL["counts"])))

    async def sweep(self, now_us: int, limit: int) -> int:
        """Remove up to ``limit`` expired rows and say how many."""

        def remove(wanted: int, transaction: Transaction) -> int:
            expired = transaction.db.execute(_SQL["expired"], (now_us, wanted)).fetchall()
            for _, rule in expired:
                transaction.sums.count_rows(rule, -1)
            transaction.db.executemany(_SQL["delete"], [(key,) for key, _ in expired])
            return len(expired)

        return await delete_in_slices(self._writer, remove, limit)


def check_reads(db: sqlite3.Connection, reads: Mapping[str, int], now_us: int) -> None:
    """Raise StateMoved unless every row that was read still has its version; one that only expired since has."""
    if not reads:
        return
    current = {
        key: (version, expired) for key, version, expired in db.execute(_SQL["versions"], (now_us, _json(reads)))
    }
    moved = []
    for key, version in reads.items():
        version_now, is_expired = current.get(key, (0, 0))
        if version != version_now and not (version == 0 and is_expired):
            moved.append(key)
    if moved:
        raise StateMoved(moved)


def apply_state(transaction: Transaction, changes: Sequence[StatePut | StateDelete], now: Reading) -> None:
    """Write and remove rows, in order."""
    db, sums = transaction.db, transaction.sums
    rules = dict(db.execute(_SQL["rules"], (_json([change.key for change in changes]),))) if changes else {}
    for change in changes:
        before = rules.pop(change.key, None)
        if before is not None:
            sums.count_rows(before, -1)
        match change:
            case StatePut():
                version = transaction.numbers.take_next(db, "state")
                due_us = None if change.due_us is None else change.due_us - now.offset_us
                place = (change.key, version, change.rule, change.topic_uid, due_us, change.expires_us - now.offset_us)
                db.execute(_SQL["put"], (*place, change.value, "\n".join(change.waits_for), now.offset_us))
                rules[change.key] = change.rule
                sums.count_rows(change.rule, 1)
            case StateDelete():
                db.execute(_SQL["delete"], (change.key,))
            case _:
                assert_never(change)


def wake(transaction: Transaction, names: Sequence[str], now_us: int) -> None:
    """Make rows due that wait for any of these names."""
    if not names:
        return
    wanted = None if WAKE_ALL in names else _json(names)
    for (key,) in transaction.db.execute(_SQL["sleeping"], (now_us, wanted)).fetchall():
        version = transaction.numbers.take_next(transaction.db, "state")
        transaction.db.execute(_SQL["wake"], (now_us, version, key))


def _row(columns: Sequence[Any], now: Reading) -> StateRow:
    key, value, version, rule, topic_uid, steady_us, expires_us, names, offset_us = columns
    waits_for = tuple(names.split("\n")) if names else ()
    due_us = None if steady_us is None else steady_us + now.offset_us
    times = (due_us, expires_us + now.offset_us, waits_for, now.offset_us - offset_us, steady_us)
    return StateRow(key, value, version, rule, topic_uid, *times)


def _json(keys: Mapping[str, int] | Sequence[str]) -> str:
    return json.dumps(list(keys), ensure_ascii=False)
