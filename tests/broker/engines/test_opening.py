"""Opening a store: where it may lie, and what every wrong place is answered with."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines import open_reader, open_store
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.opening import check_schema, connect, is_empty, prepare, schema_version
from broker.errors import StoreCorrupt, StoreUnavailable
from broker.model import Commit, DeliveryQuery
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC, a_delivery, a_row, messages


@pytest.mark.parametrize("url", ["", "sqlite://", "redis://x", "/var/lib/x.db", "Memory"])
async def test_a_url_that_names_no_engine_is_refused_with_what_to_say(url: str, clock: ManualClock) -> None:
    with pytest.raises(StoreUnavailable, match="say memory, sqlite:///"):
        await open_store(url, clock)


async def test_a_url_with_three_slashes_is_an_absolute_path(path: Path, clock: ManualClock) -> None:
    store = await open_store(f"sqlite://{path}", clock)
    await store.close()
    assert path.is_file()


async def test_a_path_may_hold_any_character(tmp_path: Path, clock: ManualClock) -> None:
    odd = tmp_path / "a b?c#d%41 é.db"
    store = await open_sqlite(odd, clock)
    await store.close()
    assert odd.is_file()


async def test_a_missing_folder_is_named(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(StoreUnavailable, match=r"the folder .*/none does not exist; create it"):
        await open_sqlite(tmp_path / "none" / "store.db", clock)


async def test_a_folder_is_no_store(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(StoreUnavailable, match="is a folder; name a file in it"):
        await open_sqlite(tmp_path, clock)


async def test_a_file_that_is_no_database_is_damaged(path: Path, clock: ManualClock) -> None:
    path.write_bytes(b"not a database, and long enough to be read as a header" * 100)
    with pytest.raises(StoreCorrupt, match="it is not an SQLite database; give another path"):
        await open_sqlite(path, clock)
    assert path.read_bytes().startswith(b"not a database")


async def test_a_database_of_another_program_is_left_alone(path: Path, clock: ManualClock) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="database of another program"):
        await open_sqlite(path, clock)
    assert path.read_bytes() == before


async def test_a_later_schema_is_left_alone_and_named(path: Path, clock: ManualClock, opened: Opening) -> None:
    async with opened():
        pass
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for opening in (open_sqlite(path, clock), open_reader(f"sqlite://{path}", clock)):
        with pytest.raises(StoreUnavailable, match=r"has schema 99, and this program knows \d+ at most"):
            await opening


async def test_a_store_in_use_is_refused_with_the_process_that_has_it(
    path: Path, clock: ManualClock, opened: Opening
) -> None:
    async with opened():
        with pytest.raises(StoreUnavailable, match=f"process {os.getpid()} has this store open"):
            await open_sqlite(path, clock)
    async with opened():
        pass


async def test_a_failed_opening_leaves_no_lock(path: Path, clock: ManualClock) -> None:
    path.write_bytes(b"x" * 5_000)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            await open_sqlite(path, clock)


async def test_others_may_not_read_the_store(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(1))
        files = [path, path.with_name("store.db-wal"), path.with_name("store.db.lock")]
        assert [stat.S_IMODE(file.stat().st_mode) & 0o007 for file in files] == [0, 0, 0]


async def test_a_closed_store_is_one_file(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(10))
    assert sorted(file.name for file in path.parent.iterdir()) == ["store.db", "store.db.lock"]


def as_nobody(work: Callable[[], None]) -> str:
    """Run ``work`` in a child process that is not root; what it raised, as text."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
            os.write(write, b"nothing")
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read, "rb") as told:
        return told.read().decode()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "text"),
    [
        (0o555, None, r"StoreUnusable: .*the folder .* cannot be written by this user"),
        (0o555, 0o444, r"StoreUnusable: .*store.db cannot be read and written by this user"),
        (0o755, 0o600, r"StoreUnusable: .*store.db cannot be read and written by this user"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    path: Path, folder_mode: int, file_mode: int | None, text: str
) -> None:
    for parent in path.parents[:-2]:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & stat.S_ISVTX:
            parent.chmod(0o755)
    if file_mode is not None:
        asyncio.run(_make(path))
        path.chmod(file_mode)
    path.parent.chmod(folder_mode)
    try:
        told = as_nobody(lambda: asyncio.run(_make(path)))
    finally:
        path.parent.chmod(0o700)
    assert re.search(text, told), told


async def _make(path: Path) -> None:
    store = await open_sqlite(path, ManualClock())
    await store.close()


def test_a_migration_is_applied_once_and_in_order(path: Path) -> None:
    first = "CREATE TABLE notes (body TEXT);"
    second = "ALTER TABLE notes ADD COLUMN at_us INTEGER NOT NULL DEFAULT 7;"
    prepare(path, [(1, first)])
    db = connect(path)
    db.execute("INSERT INTO notes VALUES ('kept')")
    db.close()
    for _ in range(2):
        prepare(path, [(1, first), (2, second)])
    db = connect(path)
    assert (schema_version(db), db.execute("SELECT * FROM notes").fetchall()) == (2, [("kept", 7)])
    db.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    prepare(path, [(1, "CREATE TABLE notes (body TEXT);")])
    with pytest.raises(StoreUnavailable, match="no such table: nowhere"):
        prepare(path, [(1, ""), (2, "ALTER TABLE notes ADD COLUMN more; INSERT INTO nowhere VALUES (1);")])
    db = connect(path)
    assert (schema_version(db), len(db.execute("PRAGMA table_info(notes)").fetchall())) == (1, 1)
    check_schema(path, db)
    assert not is_empty(db)
    db.close()


async def test_a_store_of_the_first_schema_is_brought_up_to_date(path: Path, opened: Opening) -> None:
    db = sqlite3.connect(path)
    db.executescript((Path(__file__).parent / "data" / "store-1.sql").read_text())
    db.close()
    async with opened() as store:
        bounds = await store.log.bounds(TOPIC)
        assert (bounds.first, bounds.end) == (1, 4)
        assert [message.data for message in await store.log.read(TOPIC, 0, 10, 10**6)] == ["b25l", "dHdv", "dGhyZWU="]
        assert [one.key for one in await store.catalog.list("project")] == ["EGI"]
        found = await store.outbox.read("d1")
        assert found is not None
        assert (found[0].state, len(found[1])) == ("delivered", 1)
        assert (await store.log.append(TOPIC, messages(1))).first == 4
        (row,) = await store.state.list("", 10)
        assert (row.key, row.value, row.version, row.waits_for) == ("k", b"value", 1, ())
        waits = a_row("k", due_us=row.due_us, waits_for=("silence:1",))
        await store.commit(Commit(state=[waits], shadows=[a_delivery("d3")]))
        assert [one.id for one in await store.outbox.find(DeliveryQuery(state="shadow"))] == ["d3"]
        (row,) = await store.state.list("", 10)
        assert (row.version, row.waits_for) == (2, ("silence:1",))
