"""The Cursors in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker.engines.memory.trouble import Gate
from broker.errors import CursorMoved
from broker.model import Cursor, CursorMove


class MemoryCursors:
    """See broker.store.Cursors."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._cursors: dict[str, Cursor] = {}

    async def get(self, cursor_id: str) -> Cursor | None:
        """See Cursors."""
        async with self._gate("cursors.get"):
            return self._cursors.get(cursor_id)

    async def put(self, cursor: Cursor) -> Cursor:
        """See Cursors."""
        async with self._gate("cursors.put"):
            self.check([CursorMove(cursor)])
            self.apply([CursorMove(cursor)])
            return self._cursors[cursor.id]

    async def delete(self, cursor_id: str) -> None:
        """See Cursors."""
        async with self._gate("cursors.delete"):
            self._cursors.pop(cursor_id, None)

    async def list(self, prefix: str) -> Sequence[Cursor]:
        """See Cursors."""
        async with self._gate("cursors.list"):
            return [self._cursors[cursor] for cursor in sorted(self._cursors) if cursor.startswith(prefix)]

    def shift(self, by_us: int) -> None:
        """Move every stored time along after the wall clock was set; 0 is never, and stays."""
        for key, cursor in self._cursors.items():
            pending_us, consumed_us = cursor.pending_at_us, cursor.last_consumed_us
            self._cursors[key] = replace(
                cursor,
                pending_at_us=pending_us + by_us if pending_us else 0,
                last_consumed_us=consumed_us + by_us if consumed_us else 0,
            )

    def check(self, moves: Sequence[CursorMove]) -> None:
        """Raise CursorMoved unless every move starts from the revision that stands."""
        revisions: dict[str, int] = {}
        for move in moves:
            cursor = move.cursor
            stored = self._cursors.get(cursor.id)
            revision = revisions.get(cursor.id, stored.rev if stored else 0)
            if cursor.rev != revision:
                raise CursorMoved(cursor.id)
            revisions[cursor.id] = revision + 1

    def apply(self, moves: Sequence[CursorMove]) -> None:
        """Make moves that were checked."""
        for move in moves:
            self._cursors[move.cursor.id] = replace(move.cursor, rev=move.cursor.rev + 1)
