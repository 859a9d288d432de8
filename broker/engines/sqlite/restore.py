"""Putting a backup in a store's place, so that no message id is ever given twice (semantics.md item 22).

A backup does not know what was published after it. So every topic's next offset is raised past a reserve: the larger
of a million and ten times what the topic's own average rate would have brought since the backup; and past what the
store being replaced says, where that can still be read. Offsets have 64 bits, and readers accept the jump.

What waited when the backup was made may have been delivered since: such deliveries are marked late and unclear.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.engines.sqlite.backup import copy_pages
from broker.engines.sqlite.companions import SUFFIXES, Belongs, check_companions, judge
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import publish, resolve_links
from broker.engines.sqlite.lock import LockFile, LockNote, read_note
from broker.engines.sqlite.opening import check_schema, connect, connect_writer, discard_leftovers, prepare
from broker.engines.sqlite.queries import load
from broker.errors import StoreCorrupt, StoreUnavailable
from broker.gaps import SKIPPED

_SQL = load("restore")
_STAMPED = load("store")["stamped"]
_LEAST_RESERVE: Final = 1_000_000
_RATE_FACTOR: Final = 10


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: next offsets before and after by topic uid, and where the store that stood there lies now.

    ``backed_up_us`` is 0 for a file that is not a backup of ours but a copy of a stopped store.
    """

    backed_up_us: int
    next_offsets: Mapping[str, tuple[int, int]]
    replaced: Path | None


def restore(source: Path, target: Path, now_us: int) -> Restored:
    """Make ``target`` the store that ``source`` holds, and keep what stood there under another name.

    Raises StoreUnavailable when a daemon uses ``target`` or a file cannot be written, StoreCorrupt for a bad source.
    """
    source, target = resolve_links(source), resolve_links(target)
    _check_source(source)
    lock = LockFile(target)
    lock.take()
    note = read_note(target)
    partial = target.with_name(f"{target.name}.partial")
    try:
        ends = _standing_ends(target, note)
        copy_pages(source, partial)
        prepare(partial)
        backed_up_us, next_offsets = _reserve(partial, ends, now_us)
        replaced = _set_aside(target, now_us)
        publish(partial, target)
    finally:
        discard_leftovers(partial)
        lock.release()
    return Restored(backed_up_us, next_offsets, replaced)


def _check_source(source: Path) -> None:
    if not source.is_file():
        raise StoreUnavailable(f"{source} is not a file; name a backup")
    check_companions(source, read_note(source))
    with translate_errors(source):
        db = connect(source, read_only=True)
        try:
            check_schema(source, db)
            problem: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            db.close()
    if problem != "ok":
        raise StoreCorrupt(f"{source}: {problem}; use another backup")


def _standing_ends(target: Path, note: LockNote | None) -> Mapping[str, int]:
    """The next offsets of the store that is to be replaced; none when it cannot be read.

    What its write-ahead log holds is moved into it, unless that was written for another file: then it is set aside with
    the store, and neither is touched.
    """
    if not target.exists() or not isinstance(judge(target, note), Belongs):
        return {}
    try:
        with closing(connect(target)) as db:
            ends = dict(db.execute(_SQL["ends"]))
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return ends
    except sqlite3.Error:
        return {}  # it is being replaced for a reason


def _reserve(partial: Path, ends: Mapping[str, int], now_us: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
    with translate_errors(partial):
        db = connect_writer(partial)
        try:
            db.execute("BEGIN IMMEDIATE")
            stamp = db.execute(_STAMPED).fetchone()
            backed_up_us: int = stamp[0] if stamp else 0
            next_offsets = {}
            for uid, end, created_us, last_us in db.execute(_SQL["logs"]).fetchall():
                known_us = max(backed_up_us, last_us)
                per_us = end / max(known_us - created_us, 1)
                likely = int(per_us * max(now_us - known_us, 0))
                next_offsets[uid] = end, max(end + max(_LEAST_RESERVE, _RATE_FACTOR * likely), ends.get(uid, 0))
            db.execute(_SQL["note"])
            db.executemany(_SQL["raise"], [(after, uid) for uid, (_, after) in next_offsets.items()])
            gaps = [(uid, f"{SKIPPED}{end}", after - end) for uid, (end, after) in next_offsets.items()]
            db.executemany(_SQL["skip"], gaps)
            db.execute(_SQL["doubt"])
            db.execute("COMMIT")
        finally:
            db.close()
    return backed_up_us, next_offsets


def _set_aside(target: Path, now_us: int) -> Path | None:
    """Rename the store that stands there, with all that lies beside it, and say how it is called now.

    What lies there without a store is kept too: the new one would be taken for its own.
    """
    aside = target.with_name(f"{target.name}.replaced-{now_us}")
    for suffix in (*SUFFIXES, ""):
        part = target.with_name(target.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside if aside.exists() else None
