"""A store that cannot be used ends the start with 78 and a sentence; files that vanish stop a daemon's writes."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.engines.sqlite import open_sqlite
from tests.line.process import PROGRAM, ROOT
from tests.line.test_store_trouble import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def started(rig: Rig) -> subprocess.CompletedProcess[str]:
    """A daemon that is to end of itself."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(rig.daemon.config)],
        cwd=rig.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def no_database(store: Path) -> None:
    store.write_bytes(b"not a database, and long enough to be read as a header" * 100)


def cut_short(store: Path) -> None:
    os.truncate(store, store.stat().st_size // 2)


def cut_within_a_page(store: Path) -> None:
    os.truncate(store, 5_000)


def with_its_first_page_zeroed(store: Path) -> None:
    store.write_bytes(b"\0" * 8_192 + store.read_bytes()[8_192:])


def with_all_pages_but_the_first_zeroed(store: Path) -> None:
    store.write_bytes(store.read_bytes()[:8_192].ljust(store.stat().st_size, b"\0"))


def another_programs(store: Path) -> None:
    store.unlink()
    with closing(sqlite3.connect(store)) as db:
        db.execute("CREATE TABLE theirs (x)")


def of_a_newer_version(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA user_version = 99")


def a_folder(store: Path) -> None:
    store.unlink()
    store.mkdir()


def a_pipe(store: Path) -> None:
    store.unlink()
    os.mkfifo(store)


def with_records_that_cannot_be_read(store: Path) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE catalog SET body = x'00ff00' || substr(body, 4)")


def with_records_of_another_kind(store: Path) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE catalog SET body = CAST('{}' AS BLOB)")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (no_database, "it is not an SQLite database; give another path, or restore a backup"),
        (cut_short, "its pages do not fit together; restore a backup"),
        (cut_within_a_page, "its pages do not fit together; restore a backup"),
        (with_its_first_page_zeroed, "it is not an SQLite database; give another path, or restore a backup"),
        (with_all_pages_but_the_first_zeroed, "its pages do not fit together; restore a backup"),
        (another_programs, "is an SQLite database of another program; give another path"),
        (of_a_newer_version, "install the version that wrote it, or restore a backup made by this one"),
        (a_folder, "is a folder; name a file in it"),
        (a_pipe, "is no regular file; name another one"),
        (with_records_that_cannot_be_read, "restore a backup"),
        (with_records_of_another_kind, "restore a backup"),
    ],
)
def test_a_store_that_cannot_be_used_ends_the_start_with_78_and_a_sentence(
    rig: Rig, damage: Callable[[Path], None], sentence: str
) -> None:
    rig.daemon.start()
    assert rig.publish(20_000).status_code == 200
    assert rig.daemon.stop() == 0
    store = rig.folder / "state" / "bridge.db"
    damage(store)
    ended = started(rig)
    assert ended.returncode == 78, ended.stderr
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_log_left_for_a_store_that_was_moved_away_is_set_aside_and_told(rig: Rig) -> None:
    rig.daemon.start()
    for _ in range(20):
        assert rig.publish(1_000).status_code == 200
    rig.daemon.kill()
    store = rig.folder / "state" / "bridge.db"
    store.rename(store.with_name("broken.db"))
    rig.daemon.start()
    assert rig.publish(1_000).json() == {"messageIds": ["0"]}
    told = rig.until("/readyz", 200).json()["degraded"]
    assert "bridge.db-wal was left for another file" in told
    assert rig.daemon.stop() == 0
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_store_that_vanishes_is_503_with_a_reason_until_it_is_back(rig: Rig) -> None:
    rig.daemon.start()
    assert rig.publish(1_000).status_code == 200
    state = rig.folder / "state"
    state.rename(rig.folder / "elsewhere")
    answer = rig.publish(1_000)
    assert answer.status_code == 503
    told = answer.json()["error"]["message"]
    assert "the store's file was replaced, moved or overwritten" in told
    assert "bridge.db" not in told
    assert "moved or removed" in rig.until("/readyz", 503).json()["reason"]
    (rig.folder / "elsewhere").rename(state)
    rig.until("/readyz", 200)
    assert rig.publish(1_000).status_code == 200
    assert rig.stored() == 2
    assert rig.daemon.stop() == 0


def test_a_log_that_nobody_can_place_ends_the_start_with_78_and_stays(rig: Rig) -> None:
    store = rig.folder / "state" / "bridge.db"
    store.parent.mkdir()
    before = rig.folder / "before.db"
    asyncio.run(_make(store))
    before.write_bytes(store.read_bytes())
    rig.daemon.start()
    assert rig.publish(1_000).status_code == 200
    rig.daemon.kill()
    store.write_bytes(before.read_bytes())
    ended = started(rig)
    assert ended.returncode == 78
    assert "bridge.db-wal" in ended.stderr
    assert "put the file it was written for back" in ended.stderr
    assert store.read_bytes() == before.read_bytes()


async def _make(store: Path) -> None:
    made = await open_sqlite(store, SystemClock())
    await made.close()


def test_the_first_stop_signal_works_also_where_the_shell_ignores_it(rig: Rig) -> None:
    """Shells start what runs behind them with SIGINT ignored; the daemon listens to it all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        rig.daemon.start()
    finally:
        signal.signal(signal.SIGINT, before)
    rig.daemon.signal(signal.SIGINT)
    assert rig.daemon.wait() == 0


def test_a_database_url_that_cannot_be_read_is_not_waited_for(rig: Rig) -> None:
    settings = rig.daemon.config.read_text()
    url = '"postgresql://ann:secret@db/bridge?no_such_word=1"'
    rig.daemon.config.write_text(settings.replace("sqlite:state/bridge.db", url))
    ended = started(rig)
    assert ended.returncode == 78
    assert "this is no URL of PostgreSQL" in ended.stderr
    assert "secret" not in ended.stderr


def test_a_schema_with_a_typo_ends_the_start_with_78_and_the_file(rig: Rig) -> None:
    settings = rig.daemon.config.read_text()
    rig.daemon.config.write_text(
        settings.replace("{T: {}}", "{T: {schema: s}}, schemas: {s: {type: json, file: s.json}}")
    )
    (rig.folder / "s.json").write_text('{"type": "objekt"}')
    ended = started(rig)
    assert ended.returncode == 78
    assert "s.json" in ended.stderr
    assert "Traceback" not in ended.stderr
