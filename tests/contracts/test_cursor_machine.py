"""Cursors against a dictionary: any order of moves, right and wrong, alone and in commits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from broker.errors import CursorMoved
from broker.model import Commit, Cursor, CursorMove
from tests.contracts.machine import SETTINGS, EngineMachine

_NAMES = st.sampled_from(["s/a", "s/b", "r/a"])
_OFFSETS = st.integers(0, 2**62)
_STEPS = st.sampled_from([0, 0, 0, 1, -1, 5])


class CursorMachine(EngineMachine):
    """What stands is what the last move that held left."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Cursor] = {}

    def _wanted(self, name: str, offset: int, off_by: int) -> Cursor:
        standing = self.model.get(name)
        return Cursor(
            name, offset, max((standing.rev if standing else 0) + off_by, 0), offset // 2, 7, 3, offset, 9, 0.5
        )

    def _holds(self, cursor: Cursor) -> bool:
        standing = self.model.get(cursor.id)
        return cursor.rev == (standing.rev if standing else 0)

    @rule(name=_NAMES, offset=_OFFSETS, off_by=_STEPS)
    def put(self, name: str, offset: int, off_by: int) -> None:
        cursor = self._wanted(name, offset, off_by)
        if self._holds(cursor):
            self.model[name] = replace(cursor, rev=cursor.rev + 1)
            assert self.run(self.store.cursors.put(cursor)) == self.model[name]
        else:
            with pytest.raises(CursorMoved):
                self.run(self.store.cursors.put(cursor))

    @rule(moves=st.dictionaries(_NAMES, st.tuples(_OFFSETS, _STEPS), max_size=3))
    def commit(self, moves: dict[str, tuple[int, int]]) -> None:
        cursors = [self._wanted(name, offset, off_by) for name, (offset, off_by) in moves.items()]
        call = self.store.commit(Commit(cursors=[CursorMove(cursor) for cursor in cursors]))
        if all(self._holds(cursor) for cursor in cursors):
            self.run(call)
            self.model.update((cursor.id, replace(cursor, rev=cursor.rev + 1)) for cursor in cursors)
        else:
            with pytest.raises(CursorMoved):
                self.run(call)

    @rule(name=_NAMES)
    def delete(self, name: str) -> None:
        self.run(self.store.cursors.delete(name))
        self.model.pop(name, None)

    @invariant()
    def what_stands_is_what_was_left(self) -> None:
        assert list(self.run(self.store.cursors.list(""))) == [self.model[name] for name in sorted(self.model)]
        for name in ("s/a", "s/b", "r/a"):
            assert self.run(self.store.cursors.get(name)) == self.model.get(name)


class SqliteCursorMachine(CursorMachine):
    kind = "sqlite"


class PostgresCursorMachine(CursorMachine):
    kind = "postgres"


class TestMemory(CursorMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestSqlite(SqliteCursorMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestPostgres(PostgresCursorMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS
