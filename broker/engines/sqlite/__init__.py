"""The SQLite engine: one file, one daemon, nothing acknowledged that is not on disk."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from broker.clock import Clock
from broker.engines.sqlite.clock_marks import keep_mark, steady_time_of
from broker.engines.sqlite.companions import check_companions, find_disagreement, is_at_rest, settle_companions
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import resolve_links
from broker.engines.sqlite.lock import LockFile, read_note
from broker.engines.sqlite.opening import check_place, check_readable, note_opening, prepare
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.reading import NoWriter, glancing_signals
from broker.engines.sqlite.store import SqliteStore
from broker.engines.sqlite.transaction import Transaction
from broker.engines.sqlite.watching import OpenFiles
from broker.engines.sqlite.writer import Writer
from broker.engines.wakeups import Signals
from broker.steady import SteadyTime

_END_LEASES = load("outbox")["end_leases"]


async def open_sqlite(path: Path, clock: Clock) -> SqliteStore:
    """Open the store for this process alone; made when there is none, brought up to date when it is older.

    Leases that a process which is no more has left behind end at once, and what a crash left for another file is set
    aside (companions.py). Raises StoreUnavailable or StoreCorrupt.
    """
    path = resolve_links(path)
    check_place(path)
    lock = LockFile(path)
    lock.take()
    async with AsyncExitStack() as undoing:
        undoing.callback(lock.release)
        note = read_note(path)
        notes = settle_companions(path, note, clock.wall_us())
        if find_disagreement(path, note):
            lock.forget()
        prepare(path)
        files = OpenFiles(path, lock, note_opening(path, lock, clock.wall_us()))
        signals = Signals()
        with translate_errors(path):
            writer = Writer(path, files, signals.wake_all)
            undoing.push_async_callback(writer.close)
            steady = steady_time_of(path, clock)
            store = SqliteStore(path, clock, steady, writer, signals, lock, files, notes)
            undoing.push_async_callback(store.close)
        await writer.run(lambda transaction: _end_leases(transaction, steady))
        undoing.pop_all()
        return store


def _end_leases(transaction: Transaction, steady: SteadyTime) -> None:
    transaction.lone.lay_down_all(transaction.db)
    transaction.db.execute(_END_LEASES, (steady.read().steady_us,))
    keep_mark(transaction, steady.mark())


async def open_sqlite_reader(path: Path, clock: Clock, *, glance: bool = False) -> SqliteStore:
    """Open a store to look at it, beside a daemon that uses it or not. Every change raises StoreUnavailable.

    With ``glance`` nothing is made beside a store that nobody uses; so it must be closed again at once.
    """
    path = resolve_links(path)
    if path.is_file():
        check_companions(path, read_note(path))
    at_rest = glance and is_at_rest(path)
    check_readable(path, at_rest=at_rest)
    steady = steady_time_of(path, clock, at_rest=at_rest)
    return SqliteStore(path, clock, steady, NoWriter(), glancing_signals(clock), at_rest=at_rest)
