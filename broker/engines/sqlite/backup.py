"""A consistent copy of a store in use, as one file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from broker.engines.sqlite.companions import list_companions
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import make_anew, publish
from broker.engines.sqlite.opening import connect, discard_leftovers
from broker.engines.sqlite.queries import load
from broker.errors import StoreUnavailable

_SQL = load("store")


def copy_to(path: Path, target: Path, now_us: int) -> None:
    """Copy the store at ``path`` to the new file ``target``, stamped with the time.

    It is one read transaction: writers go on, and the copy is what stood when it began. It appears under its name only
    when it is whole and on disk. Raises StoreUnavailable, and StoreCorrupt when the source is damaged.
    """
    if target.exists():
        raise StoreUnavailable(f"{target} exists; name a new file")
    for stray in list_companions(target):
        raise StoreUnavailable(f"{stray} exists, and would be taken for a part of the copy; remove it, or name another")
    if not target.parent.is_dir():
        raise StoreUnavailable(f"the folder {target.parent} does not exist; create it")
    partial = target.with_name(f"{target.name}.partial")
    try:
        copy_pages(path, partial)
        with translate_errors(partial):
            copy = sqlite3.connect(partial, isolation_level=None)
            try:
                copy.execute("PRAGMA journal_mode = DELETE")
                copy.execute(_SQL["stamp"], (now_us,))
                copy.execute(_SQL["close"])
            finally:
                copy.close()
        publish(partial, target)
    finally:
        discard_leftovers(partial)


def copy_pages(path: Path, target: Path) -> None:
    """Copy every page as one snapshot into ``target``, which only its owner may read."""
    discard_leftovers(target)
    make_anew(target, 0o600)
    with translate_errors(path):
        source = connect(path, read_only=True)
        try:
            with translate_errors(target):
                copy = sqlite3.connect(target)
                try:
                    source.backup(copy, pages=-1)
                finally:
                    copy.close()
        finally:
            source.close()
