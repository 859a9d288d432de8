"""The Outbox on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from broker.clock import Moment
from broker.delivery_states import can
from broker.engines.finding import parameters_of, query_name
from broker.engines.settling import apply_settlement, end_delivery, revive_delivery
from broker.engines.sqlite import folding
from broker.engines.sqlite.deliveries import change, find_held, find_named, settle_tried
from broker.engines.sqlite.leasing import lease
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.sweeping import SettledSweep
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.engines.stored_delivery import view_row
from broker.engines.wakeups import LevelSignals
from broker.model import (
    Attempt,
    Backlog,
    Balance,
    Delivery,
    DeliveryQuery,
    Leased,
    LeaseRequest,
    LinePlace,
    NewDelivery,
    SettleDelivered,
    Settlement,
    WaitingCounts,
)
from broker.steady import SteadyTime

T = TypeVar("T")

_SQL = load("outbox")


class SqliteOutbox:
    """See broker.store.Outbox."""

    def __init__(self, steady: SteadyTime, writer: Writes, readers: Readers, news: LevelSignals) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers
        self._news = news
        self._settled_sweep = SettledSweep(writer, readers)

    async def lease(self, destination: str, limit: int, lease_s: float, run: int = 1) -> Sequence[Leased]:
        """See Outbox."""
        self._news.lower(destination)
        request = LeaseRequest(destination, limit, lease_s, run)
        return await self._writer.run(lambda transaction: lease(transaction, request, self._steady.read()))

    async def settle(
        self,
        token: str,
        settlement: Settlement,
        attempt: Attempt | None,
        within_s: float = 0.0,
        told_at: Moment | None = None,
    ) -> Delivery:
        """See Outbox."""
        now = self._steady.read().as_told_at(told_at)

        def work(transaction: Transaction, touched: set[str]) -> Delivery:
            row = find_held(transaction.db, token, now)
            delivery = apply_settlement(row.delivery, settlement, attempt, now.wall_us)
            new = delivery.new
            if settle_tried(transaction, row, delivery, attempt):
                touched.add(new.destination)
            if isinstance(settlement, SettleDelivered) and settlement.receipt is not None:
                place = (new.destination, new.order_key, settlement.receipt, now.steady_us)
                transaction.db.execute(_SQL["put_receipt"], place)
            return delivery

        return await self._change(work, within_s)

    async def give_back(self, tokens: Sequence[str]) -> None:
        """See Outbox."""

        def work(transaction: Transaction, touched: set[str]) -> None:
            now_us = self._steady.read().steady_us
            for token in tokens:
                seq, _, lease = token.partition(".")
                if seq.isdecimal():
                    transaction.lone.lay_down_number(transaction.db, int(seq))
                touched.update(row[0] for row in transaction.db.execute(_SQL["give_back"], (now_us, seq, lease)))

        await self._change(work)

    async def next_due_us(self, destination: str) -> int | None:
        """See Outbox."""

        def read(db: sqlite3.Connection) -> int | None:
            due_us: int | None = db.execute(_SQL["next_due"], (destination,)).fetchone()[0]
            return None if due_us is None else due_us + self._steady.read().offset_us

        return await self._readers.read_at_once(read)

    async def wait_for_news(self, destination: str) -> None:
        """See Outbox."""
        await self._news.wait(destination)

    async def find(self, query: DeliveryQuery) -> Sequence[Delivery]:
        """See Outbox."""

        def read(db: sqlite3.Connection) -> Sequence[Delivery]:
            now = self._steady.read()
            return [view_row(columns, now) for columns in db.execute(_SQL[query_name(query)], parameters_of(query))]

        return await self._readers.read_on_thread(read)

    async def list_after(self, seq: int, limit: int) -> Sequence[Delivery]:
        """See Outbox."""

        def read(db: sqlite3.Connection) -> Sequence[Delivery]:
            now = self._steady.read()
            return [view_row(columns, now) for columns in db.execute(_SQL["behind_number"], (seq, limit))]

        return await self._readers.read_on_thread(read)

    async def read(self, delivery_id: str) -> tuple[Delivery, Sequence[Attempt]] | None:
        """See Outbox."""

        def read(db: sqlite3.Connection) -> tuple[Delivery, Sequence[Attempt]] | None:
            columns = db.execute(_SQL["by_id"], (delivery_id,)).fetchone()
            if columns is None:
                return None
            delivery = view_row(columns, self._steady.read())
            tries = db.execute(_SQL["attempts"], (delivery.seq,))
            return delivery, [Attempt(*(*row[:4], bool(row[4]), bool(row[5]), row[6])) for row in tries]

        return await self._readers.read_on_thread(read)

    async def replay(self, delivery_ids: Sequence[str]) -> int:
        """See Outbox."""

        def work(transaction: Transaction, touched: set[str]) -> int:
            now = self._steady.read()
            rows = [row for row in find_named(transaction.db, delivery_ids, now) if can(row.delivery.state, "replayed")]
            for row in rows:
                change(transaction, row, revive_delivery(row.delivery, now.wall_us))
                touched.add(row.delivery.new.destination)
            return len(rows)

        return await self._change(work)

    async def drop(self, delivery_ids: Sequence[str], by: str) -> int:
        """See Outbox."""

        def work(transaction: Transaction, touched: set[str]) -> int:
            now = self._steady.read()
            rows = find_named(transaction.db, delivery_ids, now)
            rows = [row for row in rows if row.delivery.state == "dead" or row.is_free(now.wall_us)]
            for row in rows:
                change(transaction, row, end_delivery(row.delivery, "dropped", by, now.wall_us))
                touched.add(row.delivery.new.destination)
            return len(rows)

        return await self._change(work)

    async def fold(
        self,
        tokens: Sequence[str],
        delivery_ids: Sequence[str],
        digest: NewDelivery,
        cancelled: Collection[str] = (),
        told_at: Moment | None = None,
    ) -> int:
        """See Outbox."""
        now = self._steady.read().as_told_at(told_at)

        def work(transaction: Transaction, touched: set[str]) -> int:
            rows = folding.fold(transaction, tokens, delivery_ids, digest, cancelled, now)
            touched.update([digest.destination, *(row.delivery.new.destination for row in rows)])
            return len(rows)

        return await self._change(work)

    async def measure_waiting(self, destination: str, enough: int) -> WaitingCounts:
        """See Outbox."""
        return await self._readers.read_on_thread(
            lambda db: folding.measure_waiting(db, destination, enough, self._steady.read())
        )

    async def backlog(self, destination: str, after: LinePlace | None, limit: int) -> Backlog:
        """See Outbox."""
        return await self._readers.read_on_thread(
            lambda db: folding.backlog(db, destination, after, limit, self._steady.read())
        )

    async def move(self, destination: str, to: str) -> int:
        """See Outbox."""

        def work(transaction: Transaction, touched: set[str]) -> int:
            touched.update([destination, to])
            return _move(transaction, destination, to)

        return await self._change(work)

    async def balances(self, since_us: int | None = None) -> Sequence[Balance]:
        """See Outbox."""

        def read(db: sqlite3.Connection) -> Sequence[Balance]:
            rows = db.execute(_SQL["balances"]) if since_us is None else db.execute(_SQL["balances_since"], (since_us,))
            return [Balance(*row) for row in rows]

        return await self._readers.read_on_thread(read)

    async def receipt(self, destination: str, order_key: str) -> str | None:
        """See Outbox."""
        return await self._readers.read_at_once(lambda db: _receipt(db, destination, order_key))

    async def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` deliveries settled before ``before_us`` and say how many; receipts as old go too."""
        return await self._settled_sweep.remove(before_us, limit)

    async def _change(self, work: Callable[[Transaction, set[str]], T], within_s: float = 0.0) -> T:
        """Make a change that puts the destinations it touches into the set, and tell those who wait there."""
        touched: set[str] = set()

        def tell() -> None:
            for destination in touched:
                self._news.lift(destination)

        return await self._writer.run(lambda transaction: work(transaction, touched), tell, within_s=within_s)


def _receipt(db: sqlite3.Connection, destination: str, order_key: str) -> str | None:
    row = db.execute(_SQL["receipt"], (destination, order_key)).fetchone()
    return row[0] if row else None


def _move(transaction: Transaction, destination: str, to: str) -> int:
    db = transaction.db
    for home in (destination, to):
        transaction.lone.lay_down_all(db, home)
    for topic_uid, deliveries, stands_for in db.execute(_SQL["waiting_by_topic"], (destination,)).fetchall():
        transaction.sums.book((topic_uid, destination, "waiting", ""), -deliveries, -stands_for)
        transaction.sums.book((topic_uid, to, "waiting", ""), deliveries, stands_for)
    moved = db.execute(_SQL["move"], (to, destination)).rowcount
    db.execute(_SQL["clear_heads"], (to,))
    db.execute(_SQL["find_heads"], (to,))
    return moved
