"""The store in PostgreSQL: for several nodes, or for one whose data live on another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Final

from broker.clock import US_PER_S
from broker.engines.handing_over import find_exhausted
from broker.engines.postgres.calls import Alone, Together
from broker.engines.postgres.catalog import PostgresCatalog
from broker.engines.postgres.connections import Db, ReadConnections
from broker.engines.postgres.cursors import PostgresCursors
from broker.engines.postgres.deciding import make_commit, want_commit
from broker.engines.postgres.decisions import PostgresDecisions
from broker.engines.postgres.leasing import lease_due
from broker.engines.postgres.log import PostgresLog
from broker.engines.postgres.node import Node
from broker.engines.postgres.outbox import PostgresOutbox
from broker.engines.postgres.queries import ask, begin, load
from broker.engines.postgres.search import PostgresSearch
from broker.engines.postgres.slab_keeping import SlabKeeping
from broker.engines.postgres.state import PostgresState
from broker.engines.postgres.unit import Unit
from broker.engines.postgres.waking import Waking
from broker.engines.postgres.writer import GroupWrites
from broker.errors import StoreError, StoreUnavailable
from broker.model import Commit, Health, Leased, SweepPolicy, Swept
from broker.ownership import current_owner
from broker.steady import ClockMark, SteadyTime
from broker.store import Ownership

_SQL: Final = load("keeping")
_END_LEASES: Final = load("outbox")["end_leases"]
_KEEP_EVERY_US: Final = 10 * US_PER_S


class PostgresStore:
    """See broker.store.Store. It belongs to the event loop it was made on."""

    def __init__(
        self,
        steady: SteadyTime,
        node: Node,
        writer: GroupWrites,
        log_writer: GroupWrites,
        readers: ReadConnections,
        waking: Waking,
    ) -> None:
        """``log_writer`` writes messages, ``writer`` all else: neither waits for the other."""
        self.steady = steady
        self._kept = steady.mark()
        self._node = node
        self._writer = writer
        self._log_writer = log_writer
        self._readers = readers
        self._waking = waking
        self.catalog = PostgresCatalog(writer, readers, waking)
        self.log = PostgresLog(steady, log_writer, readers, waking)
        self.cursors = PostgresCursors(steady, writer, readers)
        self.outbox = PostgresOutbox(steady, writer, readers, waking, node.holder, node.shard)
        self.state = PostgresState(steady, writer, readers, node.shard)
        self.decisions = PostgresDecisions(steady, writer, readers)
        self.search = PostgresSearch(writer, readers)
        self.ownership: Ownership = node.ownership
        self._slabs = SlabKeeping(steady, writer, self.log.remove)

    async def commit(self, commit: Commit, take: Callable[[Sequence[Leased]], None] | None = None) -> None:
        """See Store."""
        now = self.steady.read()
        reading = now.as_told_at(commit.told_at)
        size_bytes = sum(len(new.post) for new in (*commit.deliveries, *commit.shadows))

        def make(unit: Unit) -> list[Leased]:
            make_commit(unit, commit, reading)
            return []

        async def then(db: Db, leased: list[Leased], news: set[str]) -> list[Leased]:
            granted = [await lease_due(db, request, self._node.holder, now) for request in commit.leases]
            news |= {new.destination for new in commit.deliveries} - find_exhausted(commit, granted, reading.wall_us)
            return [lease for some in granted for lease in some]

        def hand_over(leased: list[Leased]) -> None:
            if take is not None and leased:
                take(leased)

        want = partial(want_commit, commit=commit)
        owner = commit.owner or current_owner()
        await self._writer.run(
            Together(want=want, make=make, then=then, size_bytes=size_bytes, done=hand_over, owner=owner)
        )

    async def counters(self, topic_uid: str | None = None) -> Mapping[tuple[str, str], int]:
        """See Store."""
        rows = await self._readers.rows(_SQL["counters"], {"topic": topic_uid})
        return {(topic, name): value for topic, name, value in rows}

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
        await self._slabs.step(policy)
        await self._writer.run(Alone(_forget_writers))
        return Swept(*counts, more=max(counts) >= limit)

    async def keep_time(self) -> None:
        """See Store. The node says that it lives, too."""
        await self._node.ownership.renew()
        mark = self.steady.mark()
        if mark.offset_us != self._kept.offset_us or mark.monotonic_us - self._kept.monotonic_us >= _KEEP_EVERY_US:
            await self._writer.run(Alone(partial(_keep_mark, mark)))
            self._kept = mark

    async def health(self) -> Health:
        """See Store."""
        for writer in (self._writer, self._log_writer):
            if writer.trouble:
                try:
                    await writer.run(Alone(_write_something))
                except StoreError as error:
                    return Health(writable=False, reason=writer.trouble or str(error))
        return Health(writable=True)

    async def backup(self, target: Path) -> None:
        """See Store."""
        raise StoreUnavailable("a database is backed up with its own means: pg_dump, pg_basebackup or pgBackRest")

    async def close(self) -> None:
        """See Store."""
        with suppress(StoreError):  # looked at only, closed before, or in trouble: the mark before will do
            await self._writer.run(Alone(partial(_keep_mark, self.steady.mark())))
            await self._writer.run(Alone(self._end_leases))
        await self._writer.close()
        await self._log_writer.close()
        await self._node.close()
        await self._waking.close()
        await self._readers.close()

    async def _end_leases(self, db: Db, touched: set[str]) -> None:
        await begin(db)
        await ask(db, _END_LEASES, (self.steady.read().steady_us, self._node.holder))


async def _keep_mark(mark: ClockMark, db: Db, touched: set[str]) -> None:
    await begin(db)
    await ask(db, _SQL["put_mark"], astuple(mark))


async def _forget_writers(db: Db, touched: set[str]) -> None:
    await begin(db)
    await ask(db, _SQL["forget_writers"])


async def _write_something(db: Db, touched: set[str]) -> None:
    await begin(db)
