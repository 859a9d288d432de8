"""Whether the files that a daemon has open still bear their names.

A file that was moved, removed or replaced goes on to be written by who has it open, and all of it is lost at the next
start. So the writer looks before each group, and asks the file once a second what it says of itself: one that was
overwritten in place keeps its number. While something is wrong nothing is written; once the file is back it goes on.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Final, TypeAlias

from broker.engines.sqlite.companions import last_opening_us
from broker.engines.sqlite.files import explain_file_error
from broker.engines.sqlite.lock import LockFile

_Identity: TypeAlias = tuple[int, int]
_GONE: Final = "was moved or removed while the daemon runs; put it back and it goes on, or restart to begin a new store"
_REPLACED: Final = (
    "is another file than the one that is open: it was replaced while the daemon runs; "
    "put back what was there and it goes on, or restart to use what is there"
)
_OVERWRITTEN: Final = "was overwritten while the daemon runs; stop the daemon and restore a backup"
_LOG_GONE: Final = "was moved or removed while the daemon runs; restart, and what it held is in the store"
_SURE_AFTER: Final = 2
"""Looks that must agree: another process may move just what is read (ours: Checkpointer.hold_whole)."""
_SHARED_FIRST: Final = 0x40000002
_SHARED_BYTES: Final = 510


class OpenFiles:
    """The files of one open store, as they were when it was opened.

    ``opened_us`` is what the file may say of when it was opened. The writer's thread alone calls ``look``.
    """

    def __init__(self, path: Path, lock: LockFile, opened_us: tuple[int, ...]) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._lock = lock
        self._opened_us = opened_us
        self._names = str(path), str(self._wal)
        self._file = _identity(self._names[0])
        self._log: _Identity | None = None
        self._strange_looks = 0
        self._account = ""
        self._shield: int | None = None

    @property
    def is_overwritten(self) -> bool:
        """Whether somebody else wrote into the file: nothing of ours may be moved into it."""
        return self._strange_looks >= _SURE_AFTER

    def note_new_log(self) -> None:
        """The write-ahead log may be a new one now: all connections were closed in between."""
        self._log = None

    def find_trouble(self) -> str:
        """What is wrong, as a sentence for people; "" when nothing is. Costs microseconds."""
        try:
            file, log = _identity(self._names[0]), _identity(self._names[1])
        except OSError as error:
            return f"{self._path} cannot be looked at: {explain_file_error(error)}"
        if file is None:
            return f"{self._path} {_GONE}"
        if file != self._file:
            return f"{self._path} {_REPLACED}"
        if self._log is None:
            self._log = log
        if log != self._log:
            return f"{self._wal} {_LOG_GONE if log is None else _REPLACED}"
        return self._account

    def look(self) -> str:
        """Look as ``trouble`` does, ask the file what it says of itself, and see that the lock is still ours."""
        opened_us = last_opening_us(self._path)
        if opened_us is not None:
            self._strange_looks = self._strange_looks + 1 if opened_us not in self._opened_us else 0
        self._account = f"{self._path} {_OVERWRITTEN}" if self.is_overwritten else ""
        text = self.find_trouble()
        if not text:
            self._account = self._lock.keep()
        return text or self._account

    def shield(self) -> None:
        """Keep SQLite from moving the log into the file when the last connection is closed: it is another's now.

        It does that only when nobody else reads the file, and a lock that belongs to a descriptor is somebody else's.
        """
        if self._shield is None and hasattr(fcntl, "F_OFD_SETLK"):
            self._shield = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            region = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, _SHARED_FIRST, _SHARED_BYTES, 0)
            fcntl.fcntl(self._shield, fcntl.F_OFD_SETLK, region)


def _identity(path: str) -> _Identity | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - twice before each transaction, and a Path makes its text anew each time
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
