"""Files that appear under their names only when they are whole and on disk."""

from __future__ import annotations

import os
from pathlib import Path

from broker.errors import StoreUnavailable


def make_anew(partial: Path, mode: int) -> None:
    """An empty file in place of what a stop in the middle may have left. Raises StoreUnavailable."""
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    except OSError as error:
        raise StoreUnavailable(f"{partial} cannot be written: {error.strerror}") from error


def publish(partial: Path, target: Path) -> None:
    """Give a finished file its name, both being on disk then. Raises StoreUnavailable."""
    try:
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written: {error.strerror}") from error


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
