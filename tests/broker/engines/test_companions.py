"""What a crash leaves beside a store never gets into another file: not at start, not in a copy, not in a restore."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines import open_reader
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.backup import copy_to
from broker.engines.sqlite.restore import restore
from broker.errors import StoreUnavailable, StoreUnusable
from tests.broker.engines.conftest import Opening
from tests.broker.engines.test_failing_disk import start_script
from tests.contracts.builders import NOW_US, TOPIC, messages


def crash(path: Path, count: int = 40) -> None:
    """Leave a store as a kill does: with ``count`` messages, most of them in the write-ahead log only."""
    with start_script("crashing.py", path, str(count)) as child:
        assert child.wait(50) == 0
    assert wal(path).stat().st_size > 100_000


def wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir() if not one.name.endswith(".lock"))


def problems(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("PRAGMA integrity_check")]


async def crashed_messages(path: Path, clock: ManualClock) -> int:
    store = await open_sqlite(path, clock)
    try:
        return len(await store.log.read("crashed", 0, 1_000, 10**9))
    finally:
        await store.close()


async def test_a_crash_alone_loses_nothing(path: Path, clock: ManualClock) -> None:
    crash(path)
    assert await crashed_messages(path, clock) == 40
    crash(path)
    assert await crashed_messages(path, clock) == 80


async def test_a_crashed_store_may_be_copied_with_its_log_and_without_its_lock(tmp_path: Path, path: Path) -> None:
    crash(path)
    for suffixes in (("", "-wal"), ("", "-wal", ".lock")):
        there = tmp_path / "".join(suffixes).strip("-.")
        there.mkdir()
        for suffix in suffixes:
            shutil.copy(path.with_name(path.name + suffix), there)
        assert await crashed_messages(there / path.name, ManualClock()) == 40


async def test_a_store_begun_anew_after_a_crash_begins_empty(path: Path, clock: ManualClock) -> None:
    crash(path)
    path.rename(path.with_name("broken.db"))
    store = await open_sqlite(path, clock)
    assert (await store.log.append(TOPIC, messages(1))).first == 0
    (note,) = (await store.health()).notes
    await store.close()
    (aside,) = path.parent.glob("store.db-wal.stray-*")
    assert str(aside) in note
    assert problems(path) == ["ok"]
    aside.rename(wal(path.with_name("broken.db")))
    assert await crashed_messages(path.with_name("broken.db"), clock) == 40


@pytest.mark.parametrize("there", ["an empty file", "a backup", "larger pages"])
async def test_what_cannot_belong_to_the_file_is_set_aside(
    tmp_path: Path, path: Path, clock: ManualClock, there: str
) -> None:
    other = tmp_path / "other.db"
    await a_store(other, clock)
    if there == "an empty file":
        other.write_bytes(b"")
    elif there == "a backup":
        copy_to(other, tmp_path / "backup.db", NOW_US)
        other = tmp_path / "backup.db"
    else:
        with closing(sqlite3.connect(other, isolation_level=None)) as db:
            for statement in ("journal_mode = DELETE", "page_size = 8192", "journal_mode = WAL"):
                db.execute(f"PRAGMA {statement}").fetchall()
                if "page_size" in statement:
                    db.execute("VACUUM")
    crash(path)
    shutil.copyfile(other, path)
    store = await open_sqlite(path, clock)
    assert (await store.health()).notes
    assert (await store.log.bounds("crashed")).end == 0
    await store.log.append(TOPIC, messages(1))
    await store.close()
    assert problems(path) == ["ok"]
    assert list(path.parent.glob("store.db-wal.stray-*"))


def as_it_was_before(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


def as_another_file(path: Path, other: Path) -> None:
    shutil.copyfile(other, path.with_name("moved.db"))
    path.with_name("moved.db").rename(path)


@pytest.mark.parametrize("put", [as_it_was_before, as_another_file])
async def test_a_log_is_not_played_into_an_older_state_of_the_same_store(
    tmp_path: Path, path: Path, clock: ManualClock, put: Callable[[Path, Path], None]
) -> None:
    before = tmp_path / "before.db"
    await a_store(path, clock)
    shutil.copyfile(path, before)
    crash(path)
    kept = path.read_bytes(), wal(path).read_bytes()
    put(path, before)
    with pytest.raises(StoreUnusable, match=r"store.db-wal beside .* was left by a crash.*put the file it was written"):
        await open_sqlite(path, clock)
    with pytest.raises(StoreUnusable, match="must not be used with it"):
        await open_reader(f"sqlite://{path}", clock)
    assert path.read_bytes() == before.read_bytes()
    assert wal(path).read_bytes() == kept[1]
    path.write_bytes(kept[0])
    if put is as_it_was_before:  # the very file is back
        assert await crashed_messages(path, clock) == 40
    else:
        wal(path).rename(path.with_name("kept"))
        assert await crashed_messages(path, clock) < 40


async def test_a_copy_of_the_running_store_is_not_taken_for_it(tmp_path: Path, path: Path, clock: ManualClock) -> None:
    """A copy made with another tool while the store is open says the same of itself; but it is another file."""
    store = await open_sqlite(path, clock)
    await store.log.append("crashed", messages(3))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = WAL")
    await store.log.append("crashed", messages(30))
    left = wal(path).read_bytes()
    await store.close()
    (tmp_path / "copy.db").rename(path)
    wal(path).write_bytes(left)
    with pytest.raises(StoreUnusable, match="another file was put in the place"):
        await open_sqlite(path, clock)


async def test_a_journal_beside_a_store_is_another_files(tmp_path: Path, path: Path, clock: ManualClock) -> None:
    await a_store(path, clock)
    before = path.read_bytes()
    journal = a_hot_journal(tmp_path / "theirs.db")
    path.with_name("store.db-journal").write_bytes(journal)
    store = await open_sqlite(path, clock)
    assert len((await store.health()).notes) == 1
    await store.close()
    assert problems(path) == ["ok"]
    assert len(path.read_bytes()) >= len(before)
    copy_to(path, tmp_path / "backup.db", NOW_US)
    (tmp_path / "backup.db-journal").write_bytes(journal)
    with pytest.raises(StoreUnusable, match="a backup has none"):
        await open_sqlite(tmp_path / "backup.db", clock)


async def test_an_unfinished_creation_leaves_nothing_to_the_next(path: Path, clock: ManualClock) -> None:
    crash(path)
    leftovers = path.with_name("store.db.new")
    path.rename(leftovers)
    wal(path).rename(wal(leftovers))
    path.with_name("store.db.lock").unlink()
    store = await open_sqlite(path, clock)
    assert (await store.log.bounds("crashed")).end == 0
    await store.close()
    assert names(path) == ["store.db", "store.db-shm"] or names(path) == ["store.db"]
    assert problems(path) == ["ok"]


async def test_a_backup_is_not_put_beside_a_stray_log(tmp_path: Path, path: Path, clock: ManualClock) -> None:
    await a_store(path, clock)
    wal(tmp_path / "copy.db").write_bytes(b"x")
    with pytest.raises(StoreUnavailable, match=r"copy.db-wal exists, and would be taken for a part of the copy"):
        copy_to(path, tmp_path / "copy.db", NOW_US)
    assert not (tmp_path / "copy.db").exists()


async def test_leftovers_of_a_copy_do_not_get_into_the_next(tmp_path: Path, path: Path, clock: ManualClock) -> None:
    await a_store(path, clock)
    crash(tmp_path / "copy.db.partial")
    copy_to(path, tmp_path / "copy.db", NOW_US)
    assert problems(tmp_path / "copy.db") == ["ok"]
    assert not list(tmp_path.glob("copy.db.partial-*"))
    assert not list(tmp_path.glob("copy.db-*"))
    assert await crashed_messages(tmp_path / "copy.db", clock) == 0


async def test_a_store_with_a_stray_log_is_not_copied(tmp_path: Path, path: Path, clock: ManualClock) -> None:
    other = tmp_path / "other.db"
    await a_store(other, clock)
    crash(path)
    copy_to(other, tmp_path / "backup.db", NOW_US)
    shutil.copyfile(tmp_path / "backup.db", path)
    with pytest.raises(StoreUnusable, match=r"store\.db-wal beside store\.db must not be used with it"):
        await open_reader(f"sqlite://{path}", clock)


async def test_a_backup_with_a_stray_log_beside_it_is_not_restored(
    tmp_path: Path, path: Path, clock: ManualClock
) -> None:
    await a_store(path, clock)
    copy_to(path, tmp_path / "copy.db", NOW_US)
    crash(tmp_path / "theirs.db")
    wal(tmp_path / "theirs.db").rename(wal(tmp_path / "copy.db"))
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=r"copy\.db-wal beside copy\.db must not be used"):
        restore(tmp_path / "copy.db", path, NOW_US)
    assert path.read_bytes() == before


@pytest.mark.parametrize("moved", [True, False])
async def test_a_restore_after_a_crash_keeps_all_that_lay_there(
    tmp_path: Path, path: Path, clock: ManualClock, moved: bool
) -> None:
    other = tmp_path / "other.db"
    await a_store(other, clock)
    copy_to(other, tmp_path / "copy.db", NOW_US)
    crash(path)
    if moved:
        path.rename(path.with_name("broken.db"))
    restored = restore(tmp_path / "copy.db", path, NOW_US)
    assert (restored.replaced is None) is moved
    assert not wal(path).exists()
    assert await crashed_messages(path, clock) == 0
    assert problems(path) == ["ok"]
    kept = path.with_name(f"store.db.replaced-{NOW_US}")
    if moved:
        wal(kept).rename(wal(path.with_name("broken.db")))
        kept = path.with_name("broken.db")
    assert await crashed_messages(kept, clock) == 40


async def test_a_store_behind_a_link_is_watched_where_it_lies(tmp_path: Path, clock: ManualClock) -> None:
    real, link = tmp_path / "disk" / "store.db", tmp_path / "store.db"
    real.parent.mkdir()
    link.symlink_to(real)
    crash(real)
    real.unlink()
    store = await open_sqlite(link, clock)
    assert (await store.log.bounds("crashed")).end == 0
    await store.close()
    assert link.is_symlink()
    assert list(real.parent.glob("store.db-wal.stray-*"))


async def a_store(path: Path, clock: ManualClock) -> None:
    store = await open_sqlite(path, clock)
    await store.log.append(TOPIC, messages(3))
    await store.close()


def a_hot_journal(path: Path) -> bytes:
    """The journal of a transaction that a crash cut short."""
    script = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA page_size = 8192'); db.execute('PRAGMA cache_size = 1');"
        "db.execute('CREATE TABLE theirs (x)');"
        "db.executemany('INSERT INTO theirs VALUES (?)', [('x' * 5_000,)] * 20); db.execute('BEGIN');"
        "db.execute(\"UPDATE theirs SET x = x || 'y'\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=50)
    journal = path.with_name(path.name + "-journal").read_bytes()
    assert len(journal) > 8_192
    return journal


async def test_a_store_opened_twice_in_a_row_is_one_file(path: Path, opened: Opening) -> None:
    for _ in range(2):
        async with opened() as store:
            assert (await store.health()).notes == ()
    assert names(path) == ["store.db"]
