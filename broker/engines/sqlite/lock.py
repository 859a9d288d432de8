"""The lock file beside a store: two daemons never share one, and it says which file was opened last."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.engines.sqlite.files import explain_file_error
from broker.errors import StoreUnavailable, StoreUnusable

_NOTE_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class LockNote:
    """What the lock file says of the store that was opened last.

    ``opened_us`` are the moments of which the store names one, ``inode`` is its file. ``lock_inode`` is the lock file
    itself when that was written, and ``own_inode`` now: they differ when the whole folder was copied.
    """

    opened_us: tuple[int, ...]
    inode: int
    lock_inode: int
    own_inode: int


def read_note(store: Path) -> LockNote | None:
    """What the lock file beside ``store`` says; None where there is none, or one of an older program."""
    try:
        with lock_path(store).open("rb") as file:
            return _note_of(file.read(_NOTE_BYTES), os.fstat(file.fileno()).st_ino)
    except OSError:
        return None


def lock_path(store: Path) -> Path:
    """The name of the lock file."""
    return store.with_name(store.name + ".lock")


class LockFile:
    """An exclusive lock on ``<store>.lock``, held until ``release`` or the end of the process.

    The file stays: removing it would let a third process lock a new one beside a held one.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._path = lock_path(store)
        self._descriptor: int | None = None
        self._lines = ""

    def take(self) -> None:
        """Take the lock. Raises StoreUnavailable when another process has it, or the folder cannot be written."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreUnusable(f"{self._path} cannot be written: {explain_file_error(error)}") from error
        texts = os.pread(descriptor, _NOTE_BYTES, 0).decode(errors="replace").split("\n")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise StoreUnavailable(
                f"{self._path} is locked: process {texts[0].strip() or 'unknown'} has this store open; "
                "stop that daemon first"
            ) from error
        self.release()
        self._descriptor = descriptor
        self._lines = self._lines or "\n".join(texts[1:])
        self._write()

    def note(self, opened_us: Sequence[int]) -> None:
        """Write durably that the store was opened, and when by its own account. Raises StoreUnavailable."""
        try:
            inode, own = self._store.stat().st_ino, os.fstat(self._get_descriptor()).st_ino
            self._lines = f"{' '.join(str(moment_us) for moment_us in opened_us)}\n{inode} {own}\n"
            self._write()
            os.fsync(self._get_descriptor())
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be written: {explain_file_error(error)}") from error

    def forget(self) -> None:
        """The store is another than the note says: what is written from here on is not to be doubted for that.

        Raises StoreUnavailable.
        """
        self._lines = ""
        try:
            self._write()
            os.fsync(self._get_descriptor())
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be written: {explain_file_error(error)}") from error

    def keep(self) -> str:
        """See that the file we hold still bears the name, take it anew when somebody removed it; what keeps us from it.

        An empty text is that nothing does.
        """
        if self._descriptor is None:
            return ""
        try:
            if self._path.stat().st_ino == os.fstat(self._descriptor).st_ino:
                return ""
        except FileNotFoundError:
            pass
        except OSError as error:
            return f"{self._path} cannot be looked at: {explain_file_error(error)}"
        try:
            self.take()
        except StoreUnavailable as error:
            return error.reason
        return ""

    def release(self) -> None:
        """Let go of the lock. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _get_descriptor(self) -> int:
        if self._descriptor is None:
            raise StoreUnavailable(f"{self._path} is not held")
        return self._descriptor

    def _write(self) -> None:
        text = f"{os.getpid()}\n{self._lines}".encode()
        os.pwrite(self._get_descriptor(), text, 0)
        os.ftruncate(self._get_descriptor(), len(text))


def _note_of(text: bytes, own_inode: int) -> LockNote | None:
    try:
        _, opened, inodes, *_ = text.decode("ascii").split("\n")
        inode, lock_inode = (int(word) for word in inodes.split())
        return LockNote(tuple(int(word) for word in opened.split()), inode, lock_inode, own_inode)
    except ValueError:
        return None  # of an older program, or cut short by a power loss
