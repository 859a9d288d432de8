"""The Cursors: compare-and-set."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.errors import CursorMoved
from broker.model import Cursor
from tests.contracts.engines import Engine

_CURSOR = Cursor(
    "s/one",
    offset=5,
    pending_to=9,
    pending_at_us=7,
    messages_total=3,
    bytes_total=2**40,
    last_consumed_us=8,
    consume_rate=0.25,
)


async def test_a_new_cursor_is_stored_whole_with_its_first_revision(engine: Engine) -> None:
    async with engine.open() as store:
        stored = await store.cursors.put(_CURSOR)
        assert stored == replace(_CURSOR, rev=1)
        assert await store.cursors.get("s/one") == stored


async def test_a_cursor_that_was_never_stored_is_none(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.cursors.get("s/one") is None


async def test_each_move_raises_the_revision(engine: Engine) -> None:
    async with engine.open() as store:
        cursor = await store.cursors.put(_CURSOR)
        assert (await store.cursors.put(replace(cursor, offset=6))).rev == 2


@pytest.mark.parametrize("rev", [0, 2])
async def test_a_move_from_another_revision_changes_nothing(engine: Engine, rev: int) -> None:
    async with engine.open() as store:
        stored = await store.cursors.put(_CURSOR)
        with pytest.raises(CursorMoved) as moved:
            await store.cursors.put(replace(_CURSOR, offset=99, rev=rev))
        assert moved.value.cursor == "s/one"
        assert await store.cursors.get("s/one") == stored


async def test_a_move_of_a_cursor_that_is_not_there_is_refused(engine: Engine) -> None:
    async with engine.open() as store:
        with pytest.raises(CursorMoved):
            await store.cursors.put(replace(_CURSOR, rev=1))


async def test_of_many_movers_at_once_one_wins(engine: Engine) -> None:
    async with engine.open() as store:
        stored = await store.cursors.put(_CURSOR)
        moves = [store.cursors.put(replace(stored, offset=number)) for number in range(20)]
        answers = await asyncio.gather(*moves, return_exceptions=True)
        won = [answer for answer in answers if isinstance(answer, Cursor)]
        assert len(won) == 1
        assert sum(isinstance(answer, CursorMoved) for answer in answers) == 19
        assert await store.cursors.get("s/one") == won[0]


async def test_a_deleted_cursor_begins_anew(engine: Engine) -> None:
    async with engine.open() as store:
        await store.cursors.put(_CURSOR)
        await store.cursors.delete("s/one")
        await store.cursors.delete("s/one")
        assert await store.cursors.get("s/one") is None
        assert (await store.cursors.put(_CURSOR)).rev == 1


async def test_cursors_are_listed_by_prefix(engine: Engine) -> None:
    async with engine.open() as store:
        for name in ("s/b", "s/a", "r/a", "s0"):
            await store.cursors.put(Cursor(name, 0))
        assert [cursor.id for cursor in await store.cursors.list("s/")] == ["s/a", "s/b"]
        assert [cursor.id for cursor in await store.cursors.list("")] == ["r/a", "s/a", "s/b", "s0"]
