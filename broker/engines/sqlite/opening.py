"""Opening the file: where it may lie, how connections are set, and what schema it must have."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import quote

from broker.engines.sqlite.companions import discard, last_opening_us
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import explain_file_error, make_anew, publish
from broker.engines.sqlite.lock import LockFile
from broker.engines.sqlite.queries import load
from broker.errors import StoreCorrupt, StoreUnavailable, StoreUnusable

APPLICATION_ID = 0x414D5342
"""What SQLite's header calls a store of ours ("AMSB")."""

PAGE_BYTES = 4096
"""The pages of a new store; one that was made with larger ones keeps them. What changes is written as whole pages."""

WRITING_CACHE_KIB = 16 * 1024
READING_CACHE_KIB = 4 * 1024
"""How much of the file a connection keeps in memory. The system keeps it too, so more is no faster, and there are four
connections: with 32 MiB each, a daemon under load grew by as much for each of them."""

CHECKPOINT_PAGES = 32_000
"""A commit that leaves more than this in the write-ahead log moves it to the file, where nobody else does. For the
daemon another thread does, or the writer between two groups (checkpointing.py): it takes long."""


def _migrations() -> list[tuple[int, str]]:
    folder = files(__package__) / "migrations"
    scripts = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(int(file.name.partition("_")[0]), file.read_text(encoding="utf-8")) for file in scripts]


MIGRATIONS: Final = _migrations()
"""The scripts that make the schema, with their numbers, in order. A released one is never edited."""

_WAL_LIMIT_BYTES = 128 * 1024 * 1024
_BUSY_MS = 5_000
_LEAST_SQLITE = (3, 35)
_SQL = load("store")


def connect(path: Path, *, read_only: bool = False, at_rest: bool = False) -> sqlite3.Connection:
    """A connection with our settings, usable from any one thread at a time. Transactions are begun by hand.

    ``at_rest`` is for reading a file that nobody writes: nothing is made beside it, and no lock is taken.
    """
    mode = "ro&immutable=1" if at_rest else "ro" if read_only else "rwc"
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    cache_kib = READING_CACHE_KIB if read_only or at_rest else WRITING_CACHE_KIB
    return _set_up(db, "temp_store = MEMORY", f"cache_size = {-cache_kib}")


def connect_writer(path: Path, *, moves_log: bool = True) -> sqlite3.Connection:
    """The connection that writes: what it commits is on disk.

    With ``moves_log`` a commit that finds the write-ahead log long moves it; else somebody else sees to that.
    """
    return _set_up(
        connect(path),
        "synchronous = FULL",
        "secure_delete = FAST",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES if moves_log else 0}",
        f"journal_size_limit = {_WAL_LIMIT_BYTES}",
    )


def _set_up(db: sqlite3.Connection, *settings: str) -> sqlite3.Connection:
    """Set up a connection, or close it: a file that is no database refuses the first thing asked of it."""
    try:
        for setting in settings:
            db.execute(f"PRAGMA {setting}")
    except BaseException:
        db.close()
        raise
    return db


def check_place(path: Path) -> None:
    """Raise StoreUnusable when ``path`` cannot be a store, saying what to do."""
    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        raise StoreUnusable(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or later is needed")
    _check_kind(path)
    if not path.parent.is_dir():
        raise StoreUnusable(f"the folder {path.parent} does not exist; create it")
    if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
        raise StoreUnusable(f"{path.parent} lies on a file system that is mounted read-only; see how it is mounted")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnusable(f"{path} cannot be read and written by this user; see who owns it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreUnusable(f"the folder {path.parent} cannot be written by this user; see who owns it")


def _check_kind(path: Path) -> None:
    if path.is_dir():
        raise StoreUnusable(f"{path} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise StoreUnusable(f"{path} is no regular file; name another one")


def check_readable(path: Path, *, at_rest: bool = False) -> None:
    """Raise StoreUnavailable or StoreCorrupt unless ``path`` is a store that this program can look at."""
    _check_kind(path)
    if not path.exists():
        raise StoreUnusable(f"{path} does not exist; see where the settings say that the store lies")
    if not os.access(path, os.R_OK):
        raise StoreUnavailable(f"{path} cannot be read by this user; see who owns it")
    with translate_errors(path):
        db = connect(path, read_only=True, at_rest=at_rest)
        try:
            check_schema(path, db)
        finally:
            db.close()


def prepare(path: Path, migrations: Sequence[tuple[int, str]] = MIGRATIONS) -> None:
    """Create the store, or bring its schema up to date. Raises StoreUnavailable or StoreCorrupt."""
    with translate_errors(path):
        if not path.exists():
            _create(path, migrations)
            return
        db = connect_writer(path)
        try:
            if is_empty(db):
                _begin(db)
            else:
                check_schema(path, db, migrations)
            db.execute("PRAGMA journal_mode = WAL")
            _migrate(db, migrations)
        finally:
            db.close()


def _create(path: Path, migrations: Sequence[tuple[int, str]]) -> None:
    """Make a new store under another name first: nobody ever finds half of one, and two fsyncs are enough."""
    partial = path.with_name(f"{path.name}.new")
    discard_leftovers(partial)
    make_anew(partial, 0o640)
    try:
        db = connect(partial)
        try:
            db.execute("PRAGMA synchronous = OFF")
            _begin(db)
            _migrate(db, migrations)
            db.execute("PRAGMA journal_mode = WAL")
        finally:
            db.close()
        publish(partial, path)
    finally:
        discard_leftovers(partial)


def discard_leftovers(partial: Path) -> None:
    """Remove an unfinished file with all that SQLite keeps beside it. Raises StoreUnavailable."""
    try:
        discard(partial)
    except OSError as error:
        raise StoreUnavailable(f"{partial} cannot be removed: {explain_file_error(error)}") from error


def note_opening(path: Path, lock: LockFile, now_us: int) -> tuple[int, ...]:
    """Write into the store that it is opened now, and into the lock file which store that is; what it may say since.

    Until the moment stands in the file itself, and not only in the log, the one before counts too. Raises
    StoreUnavailable or StoreCorrupt.
    """
    with translate_errors(path), closing(connect_writer(path)) as db:
        row = db.execute(_SQL["opened"]).fetchone()
        before_us = row[0] if row else 0
        opened_us = max(now_us, before_us + 1)
        lock.note((before_us, opened_us))
        db.execute(_SQL["open"], (opened_us,))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if last_opening_us(path) != opened_us:  # somebody reads an older state of it
            return before_us, opened_us
        lock.note((opened_us,))
        return (opened_us,)


def _begin(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether nothing was ever written to the file."""
    return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and not schema_version(db)


def page_bytes(db: sqlite3.Connection) -> int:
    """How large the pages of a store are."""
    count: int = db.execute("PRAGMA page_size").fetchone()[0]
    return count


def schema_version(db: sqlite3.Connection) -> int:
    """The number of the last migration that was applied."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_schema(path: Path, db: sqlite3.Connection, migrations: Sequence[tuple[int, str]] = MIGRATIONS) -> None:
    """Raise unless the file is one of our stores, and not of a later program."""
    if is_empty(db):
        raise StoreUnavailable(f"{path} is empty: nothing was ever stored there")
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreCorrupt(f"{path} is an SQLite database of another program; give another path")
    version, newest = schema_version(db), max(number for number, _ in migrations)
    if version > newest:
        raise StoreUnusable(
            f"{path} has schema {version}, and this program knows {newest} at most; "
            "install the version that wrote it, or restore a backup made by this one"
        )


def _migrate(db: sqlite3.Connection, migrations: Sequence[tuple[int, str]]) -> None:
    current = schema_version(db)
    wanted = [(number, script) for number, script in migrations if number > current]
    if not wanted:
        return
    from sqlite_utils import Database

    schema = Database(db, execute_plugins=False)
    for number, script in wanted:
        try:
            schema.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
