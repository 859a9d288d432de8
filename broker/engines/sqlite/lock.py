"""The lock file beside a store: two daemons never share one."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from broker.errors import StoreUnavailable


class LockFile:
    """An exclusive lock on ``<store>.lock``, held until ``release`` or the end of the process.

    The file stays: removing it would let a third process lock a new one beside a held one.
    """

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock. Raises StoreUnavailable when another process has it, or the folder cannot be written."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be written: {error.strerror}; see who owns it") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreUnavailable(
                f"{self._path} is locked: process {holder or 'unknown'} has this store open; stop that daemon first"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
