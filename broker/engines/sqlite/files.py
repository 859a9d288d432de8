"""Files that appear under their names only when they are whole and on disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from broker.errors import StoreUnavailable

_REMEDIES: Final = {
    errno.EROFS: "the file system is mounted read-only; see how it is mounted",
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the quota is used up; make room",
}


def resolve_links(path: Path) -> Path:
    """The file behind links: SQLite keeps its companions beside that one."""
    return Path(os.path.realpath(path))


def explain_file_error(error: OSError) -> str:
    """What went wrong with a file, and what to do about it."""
    return _REMEDIES.get(error.errno or 0, f"{error.strerror}; see who owns it")


def make_anew(partial: Path, mode: int) -> None:
    """An empty file in place of what a stop in the middle may have left. Raises StoreUnavailable."""
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    except OSError as error:
        raise StoreUnavailable(f"{partial} cannot be written: {explain_file_error(error)}") from error


def publish(partial: Path, target: Path) -> None:
    """Give a finished file its name, both being on disk then. Raises StoreUnavailable."""
    try:
        sync(partial)
        partial.rename(target)
        sync(target.parent)
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written: {explain_file_error(error)}") from error


def sync(place: Path) -> None:
    """Put a file, or the names in a folder, on disk. Raises OSError."""
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
