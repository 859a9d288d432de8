"""The Cursors on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker.engines.cursor_rows import columns_of_cursor, cursor_of
from broker.engines.postgres.calls import Alone, Together
from broker.engines.postgres.connections import Db, ReadConnections
from broker.engines.postgres.locks import cursor_lock
from broker.engines.postgres.queries import ask_all, load
from broker.engines.postgres.unit import Unit, UnitNeeds
from broker.engines.postgres.writer import GroupWrites
from broker.engines.texts import after_prefix
from broker.errors import CursorMoved
from broker.model import Cursor, CursorMove
from broker.steady import Reading, SteadyTime

_SQL = load("cursors")
_LOCK = load("keeping")["lock"]


class PostgresCursors:
    """See broker.store.Cursors."""

    def __init__(self, steady: SteadyTime, writer: GroupWrites, readers: ReadConnections) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers

    async def get(self, cursor_id: str) -> Cursor | None:
        """See Cursors."""
        rows = await self._readers.rows(_SQL["get"], (cursor_id,))
        return cursor_of(rows[0], self._steady.read()) if rows else None

    async def put(self, cursor: Cursor) -> Cursor:
        """See Cursors."""
        now, moves = self._steady.read(), [CursorMove(cursor)]

        def want(wanted: UnitNeeds) -> None:
            wanted.cursors.add(cursor.id)

        def make(unit: Unit) -> Cursor:
            check_moves(unit, moves)
            return apply_moves(unit, moves, now)[0]

        return await self._writer.run(Together(want=want, make=make))

    async def delete(self, cursor_id: str) -> None:
        """See Cursors."""

        async def make(db: Db, touched: set[str]) -> None:
            locked = (_LOCK, ([cursor_lock(cursor_id)],))
            await ask_all(db, [("BEGIN", None), locked, (_SQL["delete"], (cursor_id,))])

        await self._writer.run(Alone(make))

    async def list(self, prefix: str) -> Sequence[Cursor]:
        """See Cursors."""
        rows = await self._readers.rows(_SQL["list"], (prefix, after_prefix(prefix)))
        now = self._steady.read()
        return [cursor_of(row, now) for row in rows]


def check_moves(unit: Unit, moves: Sequence[CursorMove]) -> None:
    """Raise CursorMoved unless every move starts from the revision that stands."""
    revisions: dict[str, int] = {}
    for move in moves:
        cursor = move.cursor
        if cursor.rev != revisions.get(cursor.id, unit.revisions.get(cursor.id, 0)):
            raise CursorMoved(cursor.id)
        revisions[cursor.id] = cursor.rev + 1


def apply_moves(unit: Unit, moves: Sequence[CursorMove], now: Reading) -> list[Cursor]:
    """Make moves that were checked, and return what stands now."""
    moved = [replace(move.cursor, rev=move.cursor.rev + 1) for move in moves]
    for cursor in moved:
        unit.revisions[cursor.id] = cursor.rev
        unit.moved[cursor.id] = columns_of_cursor(cursor, now)
    return moved
