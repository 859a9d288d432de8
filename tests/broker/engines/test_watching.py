"""A store whose files are moved, removed or overwritten under it answers nobody until they are back."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.backup import copy_to
from broker.engines.sqlite.store import SqliteStore
from broker.errors import StoreUnavailable
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import NOW_US, TOPIC, messages


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it holds: the writer's own thread looks once a second. Bounded."""
    for _ in range(200_000):
        if await holds():
            return
        await asyncio.get_running_loop().run_in_executor(None, os.sched_yield)
    raise AssertionError("it never came to be")


async def refused(store: SqliteStore, reason: str) -> None:
    """Writes are refused with the reason, and health says the same."""

    async def unwell() -> bool:
        found = await store.health()
        return not found.writable and reason in found.reason

    await until(unwell)
    with pytest.raises(StoreUnavailable, match=reason):
        await store.log.append(TOPIC, messages(1))


async def test_a_store_that_is_gone_takes_nothing_until_it_is_back(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(1))
        path.rename(path.with_name("moved"))
        with pytest.raises(StoreUnavailable, match="was moved or removed while the daemon runs; put it back"):
            await store.log.append(TOPIC, messages(1))
        assert not (await store.health()).writable
        path.with_name("moved").rename(path)
        assert (await store.health()).writable
        assert (await store.log.append(TOPIC, messages(1))).first == 1
    async with opened() as store:
        assert (await store.log.bounds(TOPIC)).end == 2


async def test_nobody_needs_to_write_for_it_to_be_noticed(path: Path, opened: Opening) -> None:
    async with opened() as store:
        path.unlink()
        await refused(store, "was moved or removed while the daemon runs")


@pytest.mark.parametrize("what", ["everything", "the folder"])
async def test_all_files_gone_is_noticed(tmp_path: Path, clock: ManualClock, what: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    store = await open_sqlite(folder / "store.db", clock)
    if what == "everything":
        for one in folder.iterdir():
            one.unlink()
    else:
        folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match="was moved or removed"):
        await store.log.append(TOPIC, messages(1))
    await store.close()
    assert not (folder / "store.db").exists()


async def test_another_file_under_the_name_is_not_touched(tmp_path: Path, path: Path, opened: Opening) -> None:
    other = tmp_path / "other.db"
    theirs = await open_sqlite(other, ManualClock())
    await theirs.close()
    async with opened() as store:
        await store.log.append(TOPIC, messages(1))
        other.rename(path)
        before = path.read_bytes()
        with pytest.raises(StoreUnavailable, match="is another file than the one that is open"):
            await store.log.append(TOPIC, messages(1))
        assert (await store.log.bounds(TOPIC)).end == 1
        with pytest.raises(StoreUnavailable, match="is another file"):
            await store.decisions.list_after(0, 10)
    assert path.read_bytes() == before


async def test_a_write_ahead_log_that_is_removed_is_noticed_and_nothing_of_it_is_lost(
    path: Path, opened: Opening
) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(5))
        path.with_name("store.db-wal").unlink()
        with pytest.raises(StoreUnavailable, match=r"store.db-wal was moved or removed while the daemon runs; restart"):
            await store.log.append(TOPIC, messages(1))
    async with opened() as store:
        assert (await store.log.bounds(TOPIC)).end == 5


@pytest.mark.parametrize("by", ["a backup", "another store", "nothing", "something else"])
async def test_a_file_overwritten_in_place_is_noticed_and_stays_as_it_is(
    tmp_path: Path, path: Path, opened: Opening, clock: ManualClock, by: str
) -> None:
    other = tmp_path / "other.db"
    theirs = await open_sqlite(other, clock)
    await theirs.log.append(TOPIC, messages(3))
    await theirs.close()
    await clock.advance(1)
    if by == "a backup":
        copy_to(other, tmp_path / "copy.db", NOW_US)
        other = tmp_path / "copy.db"
    elif by == "nothing":
        other.write_bytes(b"")
    elif by == "something else":
        other.write_bytes(b"this is no database" * 5_000)
    async with opened() as store:
        await store.log.append(TOPIC, messages(30))
        shutil.copyfile(other, path)
        await refused(store, "was overwritten while the daemon runs; stop the daemon and restore a backup")
        before = path.read_bytes()
    assert path.read_bytes() == before


async def test_a_lock_file_that_is_removed_is_made_again(path: Path, opened: Opening) -> None:
    lock = path.with_name("store.db.lock")
    async with opened() as store:
        lock.unlink()

        async def is_taken_again() -> bool:
            return lock.exists() and lock.read_text() != ""  # its holder is written there once it is locked

        await until(is_taken_again)
        with pytest.raises(StoreUnavailable, match="stop that daemon first"):
            await open_sqlite(path, ManualClock())
        await store.log.append(TOPIC, messages(1))


async def test_a_reader_beside_it_changes_nothing(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(1))
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        await store.log.append(TOPIC, messages(1))
        assert (await store.health()).writable
