"""What SQLite keeps beside a store's file, and whether it belongs to the file that lies there now.

A crash leaves the write-ahead log behind, and SQLite replays it into whatever file bears the name next: nothing in it
says for which file it was written. So whoever opens, copies or replaces a store looks first. A log is a stray where it
cannot belong to the file: there is none, it has other pages, or it was written whole and never had a log (a backup).
Else the lock file tells: it says when the file was opened last, as the file itself does, and which file that was.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

from broker.engines.sqlite.failures import code_of
from broker.engines.sqlite.files import sync
from broker.engines.sqlite.lock import LockNote
from broker.engines.sqlite.queries import load
from broker.errors import StoreUnavailable, StoreUnusable

SUFFIXES: Final = ("-wal", "-shm", "-journal")

_OPENED: Final = load("store")["opened"]
_MAGIC: Final = b"SQLite format 3\0"
_JOURNAL_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
_WAL_MAGIC: Final = (0x377F0682, 0x377F0683)
_WAL_HEADER_BYTES: Final = 32
_HEADER_BYTES: Final = 100
_UNREADABLE: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
"""Codes of a file that is no store of ours, or not any more."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first bytes of a database: size of its pages, whether it uses a write-ahead log, and whose it is."""

    page_bytes: int
    uses_wal: bool
    pages: int
    application_id: int


@dataclass(frozen=True, slots=True)
class Belongs:
    """The file may be opened: nothing lies beside it, or what does belongs to it."""


@dataclass(frozen=True, slots=True)
class Stray:
    """What lies beside the file cannot belong to it; ``why`` is a clause."""

    why: str


@dataclass(frozen=True, slots=True)
class Doubtful:
    """What lies beside the file was most likely written for another one; ``why`` is a clause."""

    why: str


WalOrigin: TypeAlias = Belongs | Stray | Doubtful


def list_companions(path: Path) -> list[Path]:
    """The companions of a file that exist."""
    named = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    return [companion for companion in named if companion.exists()]


def is_at_rest(path: Path) -> bool:
    """Whether nobody uses a store: it has no write-ahead log, which a daemon has and a daemon's end takes away."""
    return path.is_file() and not any(
        companion.name.endswith(("-wal", "-journal")) for companion in list_companions(path)
    )


def discard(partial: Path) -> None:
    """Remove an unfinished file of ours with its companions. Raises OSError."""
    for path in (*list_companions(partial), partial):
        path.unlink(missing_ok=True)


def read_header(path: Path) -> Header | None:
    """The header of a database; None where there is no file, or one that is no database. Raises OSError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return None
    if len(head) < _HEADER_BYTES or not head.startswith(_MAGIC):
        return None
    page_bytes = int.from_bytes(head[16:18], "big")
    return Header(
        page_bytes=65_536 if page_bytes == 1 else page_bytes,
        uses_wal=head[18] == 2,
        pages=int.from_bytes(head[28:32], "big"),
        application_id=int.from_bytes(head[68:72], "big"),
    )


def last_opening_us(path: Path) -> int | None:
    """When the file says that it was opened last, its write-ahead log left out; 0 where it says nothing of that.

    None where the disk does not say. It is read through SQLite: to close a file that the
    process has open as a database would end SQLite's locks on it.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as db:
            row = db.execute(_OPENED).fetchone()
    except sqlite3.Error as error:
        return 0 if code_of(error) in _UNREADABLE else None
    return row[0] if row and isinstance(row[0], int) else 0


def judge(path: Path, note: LockNote | None) -> WalOrigin:
    """Whether what lies beside ``path`` may be used with it. Raises StoreUnavailable when it cannot be read."""
    try:
        holds_log, holds_journal = _holds_frames(path), _holds_pages(path)
        if not (holds_log or holds_journal):
            return Belongs()
        if not path.exists() or not path.stat().st_size:
            return Stray("there is no store that it could belong to")
        header = read_header(path)
        if header is None:
            return Belongs()  # opening it tells that it is no database
        if holds_journal:
            return _judge_journal(header)
        return _judge_log(path, header, note)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be looked at: {error.strerror}; see who owns it") from error


def set_aside(path: Path, mark: str) -> list[Path]:
    """Rename the companions of ``path`` out of SQLite's sight; their new names. Raises StoreUnavailable."""
    moved: list[Path] = []
    try:
        moved += (
            companion.rename(companion.with_name(f"{companion.name}.{mark}")) for companion in list_companions(path)
        )
        if moved:
            sync(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"what lies beside {path} cannot be set aside: {error.strerror}") from error
    return moved


def check_companions(path: Path, note: LockNote | None) -> None:
    """Raise StoreUnusable when what lies beside ``path`` must not be used with it: for who only looks at it."""
    match judge(path, note):
        case Stray(why) | Doubtful(why):
            raise StoreUnusable(f"{_names(path)} beside {path.name} must not be used with it: {why}; {_REMEDY}")
        case Belongs():
            return


def settle_companions(path: Path, note: LockNote | None, now_us: int) -> list[str]:
    """Set aside what cannot belong to the store, and say what was done; refuse what nobody can tell.

    Raises StoreUnusable and StoreUnavailable.
    """
    match judge(path, note):
        case Stray(why):
            names = _names(path)
            moved = set_aside(path, f"stray-{now_us}")
            return [
                f"{names} was left for another file ({why}) and is kept as {', '.join(str(file) for file in moved)}"
            ]
        case Doubtful(why):
            raise StoreUnusable(f"{_names(path)} beside {path} was left by a crash, and {why}; {_REMEDY}")
        case Belongs():
            return []


_REMEDY: Final = "put the file it was written for back in its place, or move it away"


def _names(path: Path) -> str:
    return " and ".join(companion.name for companion in list_companions(path) if not companion.name.endswith("-shm"))


def _holds_frames(path: Path) -> bool:
    """Whether there is a write-ahead log from which SQLite would read something."""
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or wal.stat().st_size <= _WAL_HEADER_BYTES:
        return False
    return _wal_head(wal)[0] in _WAL_MAGIC


def _holds_pages(path: Path) -> bool:
    """Whether there is a rollback journal that SQLite would play back."""
    journal = path.with_name(path.name + "-journal")
    if not journal.exists():
        return False
    with journal.open("rb") as file:
        return file.read(len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC


def _wal_head(wal: Path) -> tuple[int, int]:
    """The magic number and the size of pages of a write-ahead log."""
    with wal.open("rb") as file:
        magic, _, page_bytes = struct.unpack(">III", file.read(12).ljust(12, b"\0"))
    return magic, page_bytes


def _judge_journal(header: Header) -> WalOrigin:
    if header.uses_wal:
        return Stray("a store with a write-ahead log has no journal")
    return Doubtful("a backup has none, so it belongs to another file")


def _judge_log(path: Path, header: Header, note: LockNote | None) -> WalOrigin:
    if not header.uses_wal:
        return Stray("the file was written whole, as backups are, and never had one")
    page_bytes = _wal_head(path.with_name(path.name + "-wal"))[1]
    if page_bytes != header.page_bytes:
        return Stray(f"its pages have {page_bytes} bytes, and those of the file {header.page_bytes}")
    text = find_disagreement(path, note)
    return Doubtful(text) if text else Belongs()


def find_disagreement(path: Path, note: LockNote | None) -> str:
    """Why the file is not the one that the note was written for, as a clause; "" where nothing says so."""
    if note is None or not path.exists():
        return ""
    opened_us = last_opening_us(path)
    if opened_us and opened_us not in note.opened_us:
        return "the file is not the one that was open then, or an older state of it"
    if note.lock_inode == note.own_inode and path.stat().st_ino != note.inode:
        return "another file was put in the place of the one that was open then"
    return ""
