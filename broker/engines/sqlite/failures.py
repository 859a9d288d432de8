"""SQLite's errors, and what they are to us. Nothing outside this package knows ``sqlite3.Error``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from broker.errors import StoreCorrupt, StoreTrouble, StoreUnavailable

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full; make room, it goes on by itself",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; see the system's log",
    sqlite3.SQLITE_READONLY: "it cannot be written; see who owns it and how the disk is mounted",
    sqlite3.SQLITE_PERM: "access is denied; see who owns it",
    sqlite3.SQLITE_BUSY: "another program has it locked; end that program",
    sqlite3.SQLITE_LOCKED: "another program has it locked; end that program",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; see whether its folder exists and may be written",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}
_TROUBLES: Final[Mapping[int, StoreTrouble]] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "failed",
    sqlite3.SQLITE_READONLY: "denied",
    sqlite3.SQLITE_PERM: "denied",
    sqlite3.SQLITE_CANTOPEN: "denied",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
}
_DAMAGES = {
    sqlite3.SQLITE_CORRUPT: "its pages do not fit together; restore a backup",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database; give another path, or restore a backup",
}


def code_of(error: Exception) -> int:
    """SQLite's primary result code, 0 when the error came from the driver."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def store_error(error: Exception, path: Path) -> StoreUnavailable | StoreCorrupt:
    """What an error of SQLite's, or of reading a row, means for who called the store."""
    damage = damage_of(error, path)
    if damage is not None:
        return damage
    code = code_of(error)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in _DAMAGES:
        return StoreCorrupt(f"{path}: {_DAMAGES[code]} ({name})")
    return StoreUnavailable(f"{path}: {_REASONS.get(code, str(error))} ({name})", _TROUBLES.get(code, ""))


def damage_of(error: Exception, path: Path) -> StoreCorrupt | None:
    """What a row that cannot be read as what was once written means: somebody else wrote there, or the disk did."""
    is_text = isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8")
    if is_text or isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return StoreCorrupt(f"{path}: what is written there cannot be read; restore a backup ({error})")
    return None


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Let errors of SQLite's leave the block as StoreUnavailable or StoreCorrupt."""
    try:
        yield
    except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise store_error(error, path) from error
