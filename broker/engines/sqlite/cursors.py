"""The Cursors on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from broker.engines.cursor_rows import columns_of_cursor, cursor_of
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.engines.texts import after_prefix
from broker.errors import CursorMoved
from broker.model import Cursor, CursorMove
from broker.steady import Reading, SteadyTime

_SQL = load("cursors")


class SqliteCursors:
    """See broker.store.Cursors."""

    def __init__(self, steady: SteadyTime, writer: Writes, readers: Readers) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers

    async def get(self, cursor_id: str) -> Cursor | None:
        """See Cursors."""

        def read(db: sqlite3.Connection) -> Cursor | None:
            row = db.execute(_SQL["get"], (cursor_id,)).fetchone()
            return cursor_of(row, self._steady.read()) if row else None

        return await self._readers.read_at_once(read)

    async def put(self, cursor: Cursor) -> Cursor:
        """See Cursors."""
        now = self._steady.read()

        def work(transaction: Transaction) -> Cursor:
            moves = [CursorMove(cursor)]
            check_moves(transaction.db, moves)
            return apply_moves(transaction.db, moves, now)[0]

        return await self._writer.run(work)

    async def delete(self, cursor_id: str) -> None:
        """See Cursors."""
        await self._writer.run(lambda transaction: _delete(transaction.db, cursor_id))

    async def list(self, prefix: str) -> Sequence[Cursor]:
        """See Cursors."""

        def read(db: sqlite3.Connection) -> Sequence[Cursor]:
            now = self._steady.read()
            return [cursor_of(row, now) for row in db.execute(_SQL["list"], (prefix, after_prefix(prefix)))]

        return await self._readers.read_on_thread(read)


def check_moves(db: sqlite3.Connection, moves: Sequence[CursorMove]) -> None:
    """Raise CursorMoved unless every move starts from the revision that stands."""
    revisions: dict[str, int] = {}
    for move in moves:
        cursor = move.cursor
        if cursor.id not in revisions:
            row = db.execute(_SQL["revision"], (cursor.id,)).fetchone()
            revisions[cursor.id] = row[0] if row else 0
        if cursor.rev != revisions[cursor.id]:
            raise CursorMoved(cursor.id)
        revisions[cursor.id] += 1


def apply_moves(db: sqlite3.Connection, moves: Sequence[CursorMove], now: Reading) -> list[Cursor]:
    """Make moves that were checked, and return what stands now."""
    moved = [replace(move.cursor, rev=move.cursor.rev + 1) for move in moves]
    db.executemany(_SQL["put"], [columns_of_cursor(cursor, now) for cursor in moved])
    return moved


def _delete(db: sqlite3.Connection, cursor_id: str) -> None:
    db.execute(_SQL["delete"], (cursor_id,))
