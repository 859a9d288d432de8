"""A look at a store from outside: its files, whether they belong together, and whether its pages do."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from broker.engines.sqlite.companions import Belongs, is_at_rest, judge, list_companions
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import resolve_links
from broker.engines.sqlite.lock import read_note
from broker.engines.sqlite.opening import connect
from broker.engines.sqlite.queries import load

_SQL = load("store")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much room the store and its write-ahead log take, and what the disk has left for this user."""

    store_bytes: int
    wal_bytes: int
    free_bytes: int


def measure(path: Path) -> Sizes:
    """The sizes of a store; 0 for what is not there. Raises OSError."""
    path = resolve_links(path)
    disk = os.statvfs(path.parent)
    return Sizes(_size(path), _size(path.with_name(path.name + "-wal")), disk.f_bavail * disk.f_frsize)


def find_stray(path: Path) -> str:
    """What lies beside a store and must not be used with it, as a sentence; "" when nothing does.

    Raises StoreUnavailable.
    """
    path = resolve_links(path)
    judged = judge(path, read_note(path))
    if isinstance(judged, Belongs):
        return ""
    return f"{', '.join(companion.name for companion in list_companions(path))} beside {path.name}: {judged.why}"


def check_pages(path: Path) -> str:
    """What SQLite's own check finds wrong with a store, "" when nothing is. Reads all of it.

    Raises StoreUnavailable or StoreCorrupt.
    """
    path = resolve_links(path)
    with translate_errors(path), closing(connect(path, read_only=True, at_rest=is_at_rest(path))) as db:
        problem: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    return "" if problem == "ok" else problem


def newest_us(path: Path) -> int:
    """The newest moment that the store knows of, 0 for none. Raises StoreUnavailable or StoreCorrupt."""
    path = resolve_links(path)
    with translate_errors(path), closing(connect(path, read_only=True, at_rest=is_at_rest(path))) as db:
        newest: int | None = db.execute(_SQL["newest"]).fetchone()[0]
    return newest or 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
