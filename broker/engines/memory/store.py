"""The store in memory: complete, and the readable reference for the others.

Everything happens on one event loop and nothing inside a call waits, so every call is a transaction. It forgets
everything at the end of the process: good for tests, for a dry run, and for nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from broker.clock import Clock
from broker.engines.handing_over import find_exhausted
from broker.engines.memory.catalog import MemoryCatalog
from broker.engines.memory.cursors import MemoryCursors
from broker.engines.memory.decisions import MemoryDecisions
from broker.engines.memory.log import MemoryLog
from broker.engines.memory.outbox import MemoryOutbox
from broker.engines.memory.retelling import restamp_commit
from broker.engines.memory.search import MemorySearch
from broker.engines.memory.state import MemoryState
from broker.engines.memory.trouble import Gate, Trouble
from broker.engines.ownership import SoleOwnership, check_owner
from broker.engines.wakeups import EdgeSignals
from broker.errors import StoreUnavailable
from broker.model import Commit, Health, Leased, SweepPolicy, Swept
from broker.steady import SteadyTime


class MemoryStore:
    """See broker.store.Store. ``gate`` makes trouble where a test wants it (broker/engines/memory/trouble.py)."""

    def __init__(self, clock: Clock, *troubles: Trouble) -> None:
        self._bells = EdgeSignals()
        self.steady = SteadyTime(clock)
        self._offset_us = 0
        self.gate = Gate(clock)
        self.gate.entered = self._follow_clock
        for trouble in troubles:
            self.gate.add(trouble)
        self.catalog = MemoryCatalog(self.gate, self._bells)
        self.log = MemoryLog(self.steady, self.gate, self._bells)
        self.cursors = MemoryCursors(self.gate)
        self.outbox = MemoryOutbox(self.steady, self.gate)
        self.state = MemoryState(self.steady, self.gate)
        self.decisions = MemoryDecisions(self.steady, self.gate)
        self.search = MemorySearch()
        self.ownership = SoleOwnership()
        self._counters: Counter[tuple[str, str]] = Counter()

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        """See Store."""
        told_us = self.steady.read().as_told_at(commit.told_at).offset_us
        async with self.gate("commit"):
            now_us = self.steady.read().wall_us
            commit = restamp_commit(commit, self._offset_us - told_us)
            check_owner(commit.owner)
            self.cursors.check(commit.cursors)
            self.state.check(commit.reads)
            self.outbox.check_waiting(commit.waiting, now_us)
            shelf, _ = self.catalog.with_changes(commit.catalog)
            self.outbox.check([*commit.deliveries, *commit.dead, *commit.shadows])
            # From here on nothing can fail.
            self.cursors.apply(commit.cursors)
            self.state.wake(commit.wake, now_us)
            self.state.apply(commit.state)
            self.catalog.replace(shelf)
            self.outbox.add(commit.deliveries, commit.dead, now_us, commit.shadows)
            self.outbox.withdraw(commit.withdraw, now_us)
            self.decisions.apply(commit.decisions)
            self._counters.update(commit.counters)
            self._grant(commit, take)

    def _grant(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None) -> None:
        now = self.steady.read()
        granted = [self.outbox.grant(request, now) for request in commit.leases]
        leased = [lease for some in granted for lease in some]
        if take is not None and leased:
            take(leased)
        for destination in {new.destination for new in commit.deliveries} - find_exhausted(
            commit, granted, now.wall_us
        ):
            self.outbox.news.lift(destination)

    async def counters(self, topic_uid: str | None = None) -> Mapping[tuple[str, str], int]:
        """See Store."""
        async with self.gate("counters"):
            return {key: count for key, count in self._counters.items() if topic_uid in (None, key[0])}

    async def sweep(self, policy: SweepPolicy) -> Swept:
        """See Store."""
        async with self.gate("sweep"):
            now = self.steady.read()
            limit, reading = policy.limit, now.as_told_at(policy.told_at)
            settled_us = reading.steady_of(policy.deliveries_before_us)
            counts = (
                self.outbox.sweep(settled_us, limit),
                self.decisions.sweep(settled_us, limit),
                self.state.sweep(now.wall_of(reading.steady_of(policy.now_us)), limit),
                self.log.sweep_keys(reading.steady_of(policy.producer_keys_before_us), limit),
            )
            return Swept(*counts, more=max(counts) >= limit)

    async def keep_time(self) -> None:
        """See Store. Nothing outlives the process, so nothing is kept."""

    def _follow_clock(self) -> None:
        """Move what waits along when the wall clock was set: it is as far ahead, or as long ago, as it was before."""
        by_us = self.steady.read().offset_us - self._offset_us
        if by_us:
            self._offset_us += by_us
            for part in (self.state, self.outbox, self.cursors):
                part.shift(by_us)

    async def health(self) -> Health:
        """See Store."""
        return Health(writable=not self.gate.reason, reason=self.gate.reason)

    async def backup(self, target: Path) -> None:
        """See Store."""
        raise StoreUnavailable("the memory engine has nothing to back up; use sqlite")

    async def close(self) -> None:
        """See Store."""
        self.gate.closed = True
        self._bells.ring_all()
        self.outbox.news.lift_all()
