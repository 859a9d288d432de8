"""The Outbox on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from broker.clock import Moment
from broker.delivery_states import can
from broker.engines.finding import parameters_of, query_name
from broker.engines.postgres import folding
from broker.engines.postgres.calls import Alone, Together
from broker.engines.postgres.connections import Db, ReadConnections
from broker.engines.postgres.deliveries import change
from broker.engines.postgres.flushing import flush
from broker.engines.postgres.leasing import lease_due
from broker.engines.postgres.locks import destination_lock, in_order
from broker.engines.postgres.queries import ask, ask_all, count, load
from broker.engines.postgres.slices import delete_in_slices
from broker.engines.postgres.unit import Unit, UnitNeeds, seq_of
from broker.engines.postgres.waking import Waking, news_of
from broker.engines.postgres.writer import GroupWrites
from broker.engines.settling import apply_settlement, end_delivery, revive_delivery
from broker.engines.stored_delivery import StoredDelivery, view_row
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

_SQL: Final = load("outbox")
_LOCK: Final = load("keeping")["lock"]


class PostgresOutbox:
    """See broker.store.Outbox. ``holder`` is who leases here, ``shard`` where the books are kept."""

    def __init__(
        self, steady: SteadyTime, writer: GroupWrites, readers: ReadConnections, waking: Waking, holder: int, shard: int
    ) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers
        self._waking = waking
        self._holder = holder
        self._shard = shard

    async def lease(self, destination: str, limit: int, lease_s: float, run: int = 1) -> Sequence[Leased]:
        """See Outbox."""
        self._waking.lower(destination)
        next_us = await self.next_due_us(destination)
        if limit <= 0 or next_us is None or next_us > self._steady.read().wall_us:
            return []  # a look costs no COMMIT

        def want(wanted: UnitNeeds) -> None:
            wanted.destinations.add(destination)

        async def then(db: Db, nothing: Sequence[Leased], news: set[str]) -> Sequence[Leased]:
            request = LeaseRequest(destination, limit, lease_s, run)
            return await lease_due(db, request, self._holder, self._steady.read())

        return await self._writer.run(Together(want=want, make=lambda unit: [], then=then))

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

        def want(wanted: UnitNeeds) -> None:
            wanted.seqs.add(seq_of(token))

        def make(unit: Unit) -> Delivery:
            row = unit.get_held(token, now)
            delivery = apply_settlement(row.delivery, settlement, attempt, now.wall_us)
            change(unit, row, delivery)
            if attempt is not None:
                unit.put_attempt(delivery.seq, delivery.tries, attempt)
            if isinstance(settlement, SettleDelivered) and settlement.receipt is not None:
                line = (delivery.new.destination, delivery.new.order_key)
                unit.receipts[line] = settlement.receipt, now.steady_us
            return delivery

        return await self._writer.run(Together(want=want, make=make, by_lease=True), within_s)

    async def give_back(self, tokens: Sequence[str]) -> None:
        """See Outbox."""

        def want(wanted: UnitNeeds) -> None:
            wanted.seqs.update(seq_of(token) for token in tokens)

        def make(unit: Unit) -> None:
            now = self._steady.read()
            for token in tokens:
                row = unit.row(seq_of(token), now)
                if row is not None and row.token == token and row.is_leased(now.wall_us):
                    change(unit, row, row.end_lease_untried(now.wall_us))

        await self._writer.run(Together(want=want, make=make, by_lease=True))

    async def next_due_us(self, destination: str) -> int | None:
        """See Outbox."""
        rows = await self._readers.rows(_SQL["next_due"], {"destination": destination})
        due_us: int | None = rows[0][0]
        return None if due_us is None else due_us + self._steady.read().offset_us

    async def wait_for_news(self, destination: str) -> None:
        """See Outbox."""
        await self._waking.wait_for_news(destination)

    async def find(self, query: DeliveryQuery) -> Sequence[Delivery]:
        """See Outbox."""

        async def read(db: Db) -> Sequence[Delivery]:
            now = self._steady.read()
            return [view_row(columns, now) for columns in await ask(db, _SQL[query_name(query)], parameters_of(query))]

        return await self._readers.run(read)

    async def list_after(self, seq: int, limit: int) -> Sequence[Delivery]:
        """See Outbox."""

        async def read(db: Db) -> Sequence[Delivery]:
            now = self._steady.read()
            return [view_row(columns, now) for columns in await ask(db, _SQL["behind_number"], (seq, limit))]

        return await self._readers.run(read)

    async def read(self, delivery_id: str) -> tuple[Delivery, Sequence[Attempt]] | None:
        """See Outbox."""

        async def read(db: Db) -> tuple[Delivery, Sequence[Attempt]] | None:
            rows = await ask(db, _SQL["by_id"], (delivery_id,))
            if not rows:
                return None
            delivery = view_row(rows[0], self._steady.read())
            return delivery, [Attempt(*row) for row in await ask(db, _SQL["attempts"], (delivery.seq,))]

        return await self._readers.run(read)

    async def replay(self, delivery_ids: Sequence[str]) -> int:
        """See Outbox."""

        def revive(row: StoredDelivery, now_us: int) -> Delivery | None:
            return revive_delivery(row.delivery, now_us) if can(row.delivery.state, "replayed") else None

        return await self._change_each(delivery_ids, revive)

    async def drop(self, delivery_ids: Sequence[str], by: str) -> int:
        """See Outbox."""

        def end(row: StoredDelivery, now_us: int) -> Delivery | None:
            may = row.delivery.state == "dead" or row.is_free(now_us)
            return end_delivery(row.delivery, "dropped", by, now_us) if may else None

        return await self._change_each(delivery_ids, end)

    async def _change_each(
        self, delivery_ids: Sequence[str], become: Callable[[StoredDelivery, int], Delivery | None]
    ) -> int:
        """Let those of some deliveries that may become something else, and say how many did."""

        def want(wanted: UnitNeeds) -> None:
            wanted.ids.update(delivery_ids)

        def make(unit: Unit) -> int:
            now, changed = self._steady.read(), 0
            for delivery_id in dict.fromkeys(delivery_ids):
                row = unit.find_named(delivery_id, now)
                delivery = become(row, now.wall_us) if row is not None else None
                if row is not None and delivery is not None:
                    change(unit, row, delivery)
                    unit.touched.add(delivery.new.destination)
                    changed += 1
            return changed

        return await self._writer.run(Together(want=want, make=make))

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

        async def make(db: Db, touched: set[str]) -> int:
            unit, folded = await folding.fold(db, tokens, delivery_ids, digest, cancelled, now)
            await flush(db, unit, self._shard)
            touched.update(news_of(unit.touched))
            return folded

        return await self._writer.run(Alone(make))

    async def measure_waiting(self, destination: str, enough: int) -> WaitingCounts:
        """See Outbox."""

        async def read(db: Db) -> WaitingCounts:
            now_us = self._steady.read().steady_us
            due, oldest = await ask_all(
                db, [(_SQL["count_due"], (destination, now_us, enough)), (_SQL["oldest"], (destination,))]
            )
            return WaitingCounts(due[0][0], oldest[0][0] if oldest else None)

        return await self._readers.run(read)

    async def backlog(self, destination: str, after: LinePlace | None, limit: int) -> Backlog:
        """See Outbox."""
        return await self._readers.run(lambda db: folding.backlog(db, destination, after, limit, self._steady.read()))

    async def move(self, destination: str, to: str) -> int:
        """See Outbox."""

        async def make(db: Db, touched: set[str]) -> int:
            slots = in_order([destination_lock(destination), destination_lock(to)])
            await ask_all(db, [("BEGIN", None), (_LOCK, (slots,))])
            unit = Unit()
            for topic_uid, deliveries, stands_for in await ask(db, _SQL["waiting_by_topic"], (destination,)):
                unit.book((topic_uid, destination, "waiting", ""), -deliveries, -stands_for)
                unit.book((topic_uid, to, "waiting", ""), deliveries, stands_for)
            moved = await count(db, _SQL["move"], (to, destination))
            await ask_all(db, [(_SQL["clear_heads"], (to,)), (_SQL["find_heads"], (to,))])
            await flush(db, unit, self._shard)
            touched.update(news_of([destination, to]))
            return moved

        return await self._writer.run(Alone(make))

    async def balances(self, since_us: int | None = None) -> Sequence[Balance]:
        """See Outbox."""
        question = (_SQL["balances"], None) if since_us is None else (_SQL["balances_since"], (since_us,))
        return [Balance(*row) for row in await self._readers.rows(*question)]

    async def receipt(self, destination: str, order_key: str) -> str | None:
        """See Outbox."""
        rows = await self._readers.rows(_SQL["receipt"], (destination, order_key))
        return rows[0][0] if rows else None

    async def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` deliveries settled before ``before_us`` and say how many; receipts as old go too."""
        removed = await delete_in_slices(self._writer, lambda wanted: (_SQL["sweep"], (before_us, wanted)), limit)
        await delete_in_slices(self._writer, lambda wanted: (_SQL["sweep_receipts"], (before_us, wanted)), limit)
        return removed
