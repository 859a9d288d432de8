"""The State on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

from broker.engines.postgres.calls import Alone
from broker.engines.postgres.connections import Db, ReadConnections
from broker.engines.postgres.flushing import flush
from broker.engines.postgres.queries import ask, begin, load
from broker.engines.postgres.slices import SLICE
from broker.engines.postgres.unit import StateStanding, Unit
from broker.engines.postgres.writer import GroupWrites
from broker.engines.texts import after_prefix
from broker.errors import StateMoved
from broker.model import WAKE_ALL, StateDelete, StatePut, StateRow
from broker.steady import Reading, SteadyTime

_SQL: Final = load("state")


class PostgresState:
    """See broker.store.State."""

    def __init__(self, steady: SteadyTime, writer: GroupWrites, readers: ReadConnections, shard: int) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers
        self._shard = shard

    async def read(self, keys: Sequence[str]) -> Mapping[str, StateRow]:
        """See State."""
        now = self._steady.read()
        by_key = {key: StateRow(key, None, 0) for key in keys}
        if by_key:
            rows = await self._readers.rows(_SQL["read"], {"keys": list(by_key), "now": now.steady_us})
            by_key.update((row[0], _row(row, now)) for row in rows)
        return by_key

    async def due(self, topic_uid: str, now_us: int, limit: int) -> Sequence[StateRow]:
        """See State."""
        now = self._steady.read()
        rows = await self._readers.rows(_SQL["due"], (topic_uid, now.steady_of(now_us), limit))
        return [_row(row, now) for row in rows]

    async def next_due_us(self, topic_uid: str) -> int | None:
        """See State."""
        now = self._steady.read()
        rows = await self._readers.rows(_SQL["next_due"], {"topic": topic_uid, "now": now.steady_us})
        return rows[0][0] + now.offset_us if rows else None

    async def list(self, prefix: str, limit: int, after: str = "", *, timed: bool = False) -> Sequence[StateRow]:
        """See State."""
        now = self._steady.read()
        bounds = {"first": prefix, "behind": after_prefix(prefix), "after": after, "now": now.steady_us, "limit": limit}
        rows = await self._readers.rows(_SQL["list_timed" if timed else "list"], bounds)
        return [_row(row, now) for row in rows]

    async def counts(self) -> Mapping[str, int]:
        """See State."""
        return dict(await self._readers.rows(_SQL["counts"]))

    async def sweep(self, now_us: int, limit: int) -> int:
        """Remove up to ``limit`` expired rows and say how many."""
        removed = 0
        while removed < limit:
            wanted = min(SLICE, limit - removed)

            async def make(db: Db, touched: set[str], wanted: int = wanted) -> int:
                await begin(db)
                rules = await ask(db, _SQL["expire"], {"now": now_us, "limit": wanted})
                unit = Unit()
                for (rule,) in rules:
                    unit.held[rule] -= 1
                await flush(db, unit, self._shard)
                return len(rules)

            gone = await self._writer.run(Alone(make))
            removed += gone
            if gone < wanted:
                break
        return removed


def check_reads(unit: Unit, reads: Mapping[str, int], now_us: int) -> None:
    """Raise StateMoved unless every row that was read still has its version; one that only expired since has."""
    moved = []
    for key, version in reads.items():
        row = unit.state.get(key)
        version_now, is_expired = (row.version, row.is_expired(now_us)) if row else (0, False)
        if version != version_now and not (version == 0 and is_expired):
            moved.append(key)
    if moved:
        raise StateMoved(moved)


def apply_state(unit: Unit, changes: Sequence[StatePut | StateDelete], now: Reading) -> None:
    """Write and remove rows, in order."""
    for change in changes:
        before = unit.state.pop(change.key, None)
        unit.woken.pop(change.key, None)
        if before is not None:
            unit.held[before.rule] -= 1
        match change:
            case StatePut():
                _put(unit, change, now)
            case StateDelete():
                unit.puts.pop(change.key, None)
                unit.removed.add(change.key)
            case _:
                assert_never(change)


def wake(unit: Unit, names: Sequence[str], now_us: int) -> None:
    """Make rows due that wait for any of these names, those that the group put before included."""
    if not names:
        return
    wanted = set(names)
    for key in sorted(unit.state):
        row = unit.state[key]
        if row.is_asleep(now_us) and (WAKE_ALL in wanted or wanted & set(row.waits_for.split("\n"))):
            unit.wake(key, now_us)


def _put(unit: Unit, put: StatePut, now: Reading) -> None:
    due_us = None if put.due_us is None else put.due_us - now.offset_us
    row = StateStanding(
        unit.versions.next(), put.rule, due_us, put.expires_us - now.offset_us, "\n".join(put.waits_for)
    )
    place = [put.key, row.version, put.rule, put.topic_uid, due_us, row.expires_us]
    unit.state[put.key] = row
    unit.puts[put.key] = [*place, put.value, row.waits_for, now.offset_us]
    unit.removed.discard(put.key)
    unit.held[put.rule] += 1


def _row(columns: Sequence[Any], now: Reading) -> StateRow:
    key, value, version, rule, topic_uid, steady_us, expires_us, names, offset_us = columns
    waits_for = tuple(names.split("\n")) if names else ()
    due_us = None if steady_us is None else steady_us + now.offset_us
    times = (due_us, expires_us + now.offset_us, waits_for, now.offset_us - offset_us, steady_us)
    return StateRow(key, value, version, rule, topic_uid, *times)
