"""The store in one SQLite file: write-ahead log, one writer thread, group commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from broker.clock import US_PER_S, Clock
from broker.engines.handing_over import find_exhausted
from broker.engines.ownership import SoleOwnership, check_owner
from broker.engines.sqlite.backup import copy_to
from broker.engines.sqlite.catalog import SqliteCatalog, apply_changes
from broker.engines.sqlite.clock_marks import keep_mark
from broker.engines.sqlite.commit_leases import CommitLeases
from broker.engines.sqlite.cursors import SqliteCursors, apply_moves, check_moves
from broker.engines.sqlite.decisions import NumberedDecisions, SqliteDecisions
from broker.engines.sqlite.deliveries import add, check_waiting, withdraw
from broker.engines.sqlite.lock import LockFile
from broker.engines.sqlite.log import SqliteLog
from broker.engines.sqlite.outbox import SqliteOutbox
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.search import SqliteSearch
from broker.engines.sqlite.state import SqliteState, apply_state, check_reads, wake
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.engines.sqlite.watching import OpenFiles
from broker.engines.wakeups import Signals
from broker.errors import DuplicateDelivery, OutcomeUnknown, StoreError
from broker.model import Commit, Health, Leased, SweepPolicy, Swept
from broker.steady import Reading, SteadyTime

_SQL = load("store")
_KEEP_EVERY_US = 10 * US_PER_S
_LOOKING_KIB = 2 * 1024
"""Pages in memory of who only looks: a command line that goes through everything once."""


class SqliteStore:
    """See broker.store.Store. It belongs to the event loop it was made on."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        steady: SteadyTime,
        writer: Writes,
        signals: Signals,
        lock: LockFile | None = None,
        files: OpenFiles | None = None,
        notes: Sequence[str] = (),
        *,
        at_rest: bool = False,
    ) -> None:
        """``notes`` are what the opening found and did: see Health. ``at_rest``: nobody writes the file."""
        self._path = path
        self._notes = tuple(notes)
        self._clock = clock
        self.steady = steady
        self._kept = steady.mark()
        self._signals = signals
        self._lock = lock
        self._writer = writer
        looks_only = lock is None
        trouble = files.find_trouble if files is not None else str
        self._readers = Readers(
            path, clock, lambda: self._writer.is_sure, trouble, _LOOKING_KIB if looks_only else None, at_rest=at_rest
        )
        self.catalog = SqliteCatalog(self._writer, self._readers, signals.bells)
        self.log = SqliteLog(steady, self._writer, self._readers, signals.bells)
        self.cursors = SqliteCursors(steady, self._writer, self._readers)
        self.outbox = SqliteOutbox(steady, self._writer, self._readers, signals.news)
        self.state = SqliteState(steady, self._writer, self._readers)
        self.decisions = SqliteDecisions(steady, self._writer, self._readers)
        self.search = SqliteSearch(path, looks_only=looks_only)
        self.ownership = SoleOwnership()
        signals.forgetting += [self.log.forget_kept, self.state.forget_kept]

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        """See Store."""
        reading = self.steady.read().as_told_at(commit.told_at)
        size_bytes = sum(len(new.post) for new in (*commit.deliveries, *commit.shadows))
        done: tuple[list[Leased], set[str]] = [], set()

        def work(transaction: Transaction) -> None:
            nonlocal done
            touched, leased = self._commit(transaction, commit, reading)
            done = (
                [granted_lease for granted in leased for granted_lease in granted],
                touched - find_exhausted(commit, leased, reading.wall_us),
            )

        def tell() -> None:
            leased, news = done
            if take is not None and leased:
                take(leased)
            for destination in news:
                self._signals.news.lift(destination)
            self._forget_due(commit)
            if commit.catalog:
                self._signals.bells.ring("catalog")

        try:
            await self._writer.run(work, tell, size_bytes)
        except OutcomeUnknown:
            self._forget_due(commit)
            raise

    def _forget_due(self, commit: Commit) -> None:
        if commit.state or commit.wake:
            self.state.forget_kept()

    @staticmethod
    def _commit(transaction: Transaction, commit: Commit, now: Reading) -> tuple[set[str], list[list[Leased]]]:
        """Check what can be checked, then write; the destinations that there is news for, and what is leased."""
        db = transaction.db
        check_owner(commit.owner)
        check_moves(db, commit.cursors)
        check_reads(db, commit.reads, now.steady_us)
        check_waiting(db, commit.waiting, now)
        apply_changes(transaction, commit.catalog)
        decisions = NumberedDecisions(transaction, commit)
        leases = CommitLeases(transaction, commit, now)
        try:
            numbers = add(transaction, commit.deliveries, commit.dead, now, commit.shadows, decisions.told, leases.lone)
        except DuplicateDelivery:
            decisions.give_back()
            raise
        apply_moves(db, commit.cursors, now)
        wake(transaction, commit.wake, now.steady_us)
        apply_state(transaction, commit.state, now)
        decisions.write(now)
        for (topic_uid, name), added in commit.counters.items():
            transaction.sums.count(topic_uid, name, added)
        withdrawn = withdraw(transaction, commit.withdraw, now)
        return {*withdrawn, *(new.destination for new in commit.deliveries)}, leases.grant(numbers)

    async def counters(self, topic_uid: str | None = None) -> Mapping[tuple[str, str], int]:
        """See Store."""

        def read(db: sqlite3.Connection) -> Mapping[tuple[str, str], int]:
            return {(topic, name): value for topic, name, value in db.execute(_SQL["counters"], (topic_uid,))}

        return await self._readers.read_on_thread(read)

    async def sweep(self, policy: SweepPolicy) -> Swept:
        """See Store."""
        limit, reading = policy.limit, self.steady.read().as_told_at(policy.told_at)
        settled_us = reading.steady_of(policy.deliveries_before_us)
        counts = (
            await self.outbox.sweep(settled_us, limit),
            await self.decisions.sweep(settled_us, limit),
            await self.state.sweep(reading.steady_of(policy.now_us), limit),
            await self.log.sweep_keys(reading.steady_of(policy.producer_keys_before_us), limit),
        )
        await self.log.sweep_gone()
        return Swept(*counts, more=max(counts) >= limit)

    async def keep_time(self) -> None:
        """See Store."""
        mark = self.steady.mark()
        if mark.offset_us != self._kept.offset_us or mark.monotonic_us - self._kept.monotonic_us >= _KEEP_EVERY_US:
            await self._writer.run(lambda transaction: keep_mark(transaction, mark))
            self._kept = mark

    async def health(self) -> Health:
        """See Store."""
        if self._writer.trouble:
            try:
                await self._writer.run(_write_something)
            except StoreError as error:
                return Health(writable=False, reason=self._writer.trouble or str(error), notes=self._notes)
        return Health(writable=True, notes=self._notes)

    async def backup(self, target: Path) -> None:
        """See Store."""
        now_us = self._clock.wall_us()
        await asyncio.get_running_loop().run_in_executor(None, copy_to, self._path, target, now_us)

    async def close(self) -> None:
        """See Store."""
        await self.search.close()
        await self._readers.close()
        with suppress(StoreError):  # looked at only, closed before, or in trouble: the mark before will do
            await self._writer.run(lambda transaction: keep_mark(transaction, self.steady.mark()))
        await self._writer.close()
        if self._lock is not None:
            self._lock.release()
        self._signals.wake_all()


def _write_something(transaction: Transaction) -> None:
    transaction.numbers.take_next(transaction.db, "probe")
