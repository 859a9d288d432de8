"""The log is moved into the file beside the writer, who finishes what is left of a long one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.engines.sqlite import writer
from broker.engines.sqlite.checkpointing import Checkpointer
from broker.engines.sqlite.companions import last_opening_us
from broker.engines.sqlite.opening import connect, connect_writer, prepare
from broker.engines.sqlite.store import SqliteStore
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC, messages

NEVER_S = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    prepare(path)
    return path


@pytest.fixture
def checkpointer(path: Path) -> Iterator[Checkpointer]:
    made = Checkpointer(path, pause_s=NEVER_S, long_pages=50)
    yield made
    made.close()


def page_count(db: sqlite3.Connection) -> int:
    count: int = db.execute("PRAGMA page_count").fetchone()[0]
    return count


def test_what_was_moved_needs_no_other_move(path: Path, checkpointer: Checkpointer) -> None:
    kept_open = connect_writer(path)
    kept_open.execute("CREATE TABLE t (n INTEGER)")
    checkpointer.move()
    assert not checkpointer.wants_the_rest
    _, standing, moved = kept_open.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert standing == moved > 0
    kept_open.close()


def test_a_long_log_is_left_to_the_writer_to_finish(path: Path, checkpointer: Checkpointer) -> None:
    kept_open = connect_writer(path)
    kept_open.execute("CREATE TABLE t (n INTEGER)")
    for number in range(60):
        kept_open.execute("INSERT INTO t VALUES (?)", (number,))
    checkpointer.move()
    assert checkpointer.wants_the_rest
    kept_open.close()


def test_trouble_is_left_to_the_writer_to_tell(path: Path, checkpointer: Checkpointer) -> None:
    checkpointer._db.close()
    checkpointer.move()
    assert checkpointer.wants_the_rest


def test_a_file_at_rest_fits_together_without_its_log(path: Path, checkpointer: Checkpointer) -> None:
    kept_open = connect_writer(path)
    kept_open.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, what BLOB)")
    kept_open.execute("INSERT INTO numbers VALUES ('opened at', 7)")
    checkpointer.move()
    over = threading.Event()

    def grow() -> None:
        for _ in range(40):  # the first page moved counts pages of which the last are moved much later
            kept_open.execute("BEGIN")
            kept_open.executemany("INSERT INTO t (what) VALUES (randomblob(?))", [(8_000,)] * 300)
            kept_open.execute("COMMIT")
            checkpointer.move()
        over.set()

    growing = threading.Thread(target=grow)
    growing.start()
    looks = 0
    while not over.is_set():
        with checkpointer.hold_whole() as is_whole:
            if is_whole:
                looks += 1
                assert last_opening_us(path) == 7
    growing.join()
    assert looks > 0
    kept_open.close()


def test_a_move_that_a_reader_holds_up_leaves_no_whole_file(path: Path, checkpointer: Checkpointer) -> None:
    kept_open = connect_writer(path)
    kept_open.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, what BLOB)")
    kept_open.execute("INSERT INTO numbers VALUES ('opened at', 7)")
    checkpointer.move()
    with checkpointer.hold_whole() as is_whole:
        assert is_whole
    pages = page_count(kept_open)
    while page_count(kept_open) < pages + 3:
        kept_open.execute("INSERT INTO t (what) VALUES (randomblob(500))")
    reader = connect(path, read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchone()
    kept_open.execute("INSERT INTO t (what) VALUES (randomblob(500))")  # the last page again: it is not moved at all
    checkpointer.move()
    with checkpointer.hold_whole() as is_whole:
        assert not is_whole
        assert last_opening_us(path) == 0  # the first page counts one that is not there
    checkpointer.finish(kept_open)
    with checkpointer.hold_whole() as is_whole:
        assert not is_whole
    reader.execute("COMMIT")
    checkpointer.finish(kept_open)
    with checkpointer.hold_whole() as is_whole:
        assert is_whole
        assert last_opening_us(path) == 7
    reader.close()
    kept_open.close()


def test_one_at_a_time_has_the_file_at_rest(checkpointer: Checkpointer) -> None:
    checkpointer.move()
    with checkpointer.hold_whole() as is_whole:
        assert is_whole
        with checkpointer.hold_whole() as is_whole_too:
            assert not is_whole_too
    with checkpointer.hold_whole() as is_whole:
        assert is_whole


def test_closing_is_heard_whenever_it_comes(path: Path) -> None:
    for _ in range(150):  # the pause may just be over: what was asked last must not be taken for heard
        made = Checkpointer(path, pause_s=0.0)
        made.ask()
        made.close()


async def test_a_store_that_closes_leaves_no_log_behind(opened: Opening) -> None:
    async with opened() as store:
        assert isinstance(store, SqliteStore)
        await store.log.append(TOPIC, messages(10))
        path = store._path
    assert not path.with_name(f"{path.name}-wal").exists()


async def test_a_log_that_is_written_to_is_moved_once_it_is_long(
    opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LONG_PAGES", 40)
    monkeypatch.setattr(writer, "_CHECKPOINT_AFTER_S", NEVER_S)
    async with opened() as store:
        size = store._path.stat().st_size
        while store._path.stat().st_size == size:
            await store.log.append(TOPIC, messages(100))


async def test_a_short_log_that_is_written_to_stays(opened: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_CHECKPOINT_AFTER_S", NEVER_S)
    async with opened() as store:
        size = store._path.stat().st_size
        for _ in range(100):
            await store.log.append(TOPIC, messages(10))
        assert store._path.stat().st_size == size
        assert store._path.with_name(f"{store._path.name}-wal").stat().st_size > 100 * 4096
