"""What a store keeps of the clocks between two looks, and steady time as it goes on from there."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import astuple
from pathlib import Path

from broker.clock import Clock
from broker.engines.sqlite.failures import code_of, translate_errors
from broker.engines.sqlite.opening import connect
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.transaction import Transaction
from broker.steady import ClockMark, SteadyTime, resume

_SQL = load("clock_marks")
_TOPICS = load("log")["topics"]


def steady_time_of(path: Path, clock: Clock, *, at_rest: bool = False) -> SteadyTime:
    """Steady time as it goes on in the store at ``path``. Raises StoreUnavailable or StoreCorrupt."""
    with translate_errors(path):
        db = connect(path, read_only=True, at_rest=at_rest)
        try:
            row = db.execute(_SQL["mark"]).fetchone()
            uids = json.dumps([uid for (uid,) in db.execute(_TOPICS)])
            newest_steady_us, newest_us = _find_newest(db, uids)
        finally:
            db.close()
    return resume(clock, ClockMark(*row) if row is not None else None, newest_steady_us, newest_us)


def _find_newest(db: sqlite3.Connection, uids: str) -> tuple[int, int]:
    """The newest times of some logs; of their rows where the last messages cannot be read: who reads them is told."""
    try:
        times: tuple[int, int] = db.execute(_SQL["newest"], (uids,)).fetchone()
    except sqlite3.DatabaseError as error:
        if code_of(error) != sqlite3.SQLITE_CORRUPT:
            raise
        times = db.execute(_SQL["newest_noted"], (uids,)).fetchone()
    return times


def keep_mark(transaction: Transaction, mark: ClockMark) -> None:
    """Write what both clocks said."""
    transaction.db.execute(_SQL["put"], astuple(mark))
