"""The Outbox in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from broker.clock import Moment, us
from broker.delivery_states import DeliveryStep, can, state_after
from broker.engines.balancing import GAVE_UP, balances_of
from broker.engines.folding import no_longer_waits, page_of, place_of_digest
from broker.engines.memory.lines import DeliveryRow, Lines
from broker.engines.memory.trouble import Gate
from broker.engines.settling import apply_settlement, end_delivery, revive_delivery
from broker.engines.wakeups import LevelSignals
from broker.errors import DuplicateDelivery, LeaseLost, Moved
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
    SettleAgain,
    SettleDelivered,
    Settlement,
    WaitingCounts,
)
from broker.steady import Reading, SteadyTime


class MemoryOutbox:
    """See broker.store.Outbox."""

    def __init__(self, steady: SteadyTime, gate: Gate) -> None:
        self._steady = steady
        self._gate = gate
        self._lines = Lines(steady)
        self._receipts: dict[tuple[str, str], tuple[str, int]] = {}
        self.news = LevelSignals()

    async def lease(self, destination: str, limit: int, lease_s: float, run: int = 1) -> Sequence[Leased]:
        """See Outbox."""
        async with self._gate("outbox.lease"):
            self.news.lower(destination)
            return self.grant(LeaseRequest(destination, limit, lease_s, run), self._steady.read())

    def grant(self, request: LeaseRequest, now: Reading) -> list[Leased]:
        """Lease what a request asks for, line by line."""
        due = [row for row in self._lines.list_heads(request.destination) if row.delivery.due_us <= now.wall_us]
        due.sort(key=lambda row: (-row.delivery.new.priority, row.delivery.due_us, row.delivery.seq))
        return [lease for head in due[: request.limit] for lease in self._grant_line(head, request, now)]

    def _grant_line(self, head: DeliveryRow, request: LeaseRequest, now: Reading) -> list[Leased]:
        line = self._lines.line(request.destination, head.delivery.new.order_key)
        due = list(takewhile(lambda row: row.delivery.due_us <= now.wall_us, line[: request.run]))
        until_us = now.wall_us + us(request.lease_s)
        return [
            self._lease(row, now, until_us, is_followed=place < len(line)) for place, row in enumerate(due, start=1)
        ]

    def _lease(self, row: DeliveryRow, now: Reading, until_us: int, *, is_followed: bool) -> Leased:
        lost = row.leased_until_us != 0
        row.delivery = replace(row.delivery, due_us=until_us, unclear=row.delivery.unclear or lost)
        row.lease += 1
        row.leased_until_us = until_us
        new = row.delivery.new
        earlier = self._receipts.get((new.destination, new.order_key))
        receipt = earlier[0] if earlier else None
        return Leased(row.view_at(now.wall_us), row.token, receipt, now.moment, is_followed)

    async def settle(
        self,
        token: str,
        settlement: Settlement,
        attempt: Attempt | None,
        within_s: float = 0.0,
        told_at: Moment | None = None,
    ) -> Delivery:
        """See Outbox. Nothing is written, so nothing waits for company."""
        told_us = self._steady.read().as_told_at(told_at).offset_us
        async with self._gate("outbox.settle"):
            now = self._steady.read()
            now_us = now.wall_us
            if isinstance(settlement, SettleAgain):
                settlement = replace(settlement, due_us=settlement.due_us + now.offset_us - told_us)
            row = self._get_held(token, now_us)
            if attempt is not None:
                row.attempts.append(attempt)
            row.leased_until_us = 0
            self._lines.change(row, apply_settlement(row.delivery, settlement, attempt, now_us))
            new = row.delivery.new
            if isinstance(settlement, SettleDelivered) and settlement.receipt is not None:
                self._receipts[new.destination, new.order_key] = settlement.receipt, now.steady_us
            if self._lines.line(new.destination, new.order_key):  # it waits on, or another became the head
                self.news.lift(new.destination)
            return row.delivery

    async def give_back(self, tokens: Sequence[str]) -> None:
        """See Outbox."""
        async with self._gate("outbox.give_back"):
            now_us = self._steady.read().wall_us
            for token in tokens:
                row = self._find_held(token, now_us)
                if row is not None:
                    row.leased_until_us = 0
                    row.delivery = replace(row.delivery, due_us=now_us)
                    self.news.lift(row.delivery.new.destination)

    async def next_due_us(self, destination: str) -> int | None:
        """See Outbox."""
        async with self._gate("outbox.next_due_us"):
            return min((row.delivery.due_us for row in self._lines.list_heads(destination)), default=None)

    async def wait_for_news(self, destination: str) -> None:
        """See Outbox."""
        async with self._gate("outbox.wait_for_news"):
            pass
        await self.news.wait(destination)

    async def find(self, query: DeliveryQuery) -> Sequence[Delivery]:
        """See Outbox."""
        async with self._gate("outbox.find"):
            rows = [row for seq, row in sorted(self._lines.rows.items(), reverse=True) if _fits(row.delivery, query)]
            return [row.view_at(self._steady.read().wall_us) for row in rows[: query.limit]]

    async def list_after(self, seq: int, limit: int) -> Sequence[Delivery]:
        """See Outbox."""
        async with self._gate("outbox.list_after"):
            rows = [row for number, row in sorted(self._lines.rows.items()) if number > seq][:limit]
            return [row.view_at(self._steady.read().wall_us) for row in rows]

    async def read(self, delivery_id: str) -> tuple[Delivery, Sequence[Attempt]] | None:
        """See Outbox."""
        async with self._gate("outbox.read"):
            row = self._lines.ids.get(delivery_id)
            return (row.view_at(self._steady.read().wall_us), list(row.attempts)) if row else None

    async def replay(self, delivery_ids: Sequence[str]) -> int:
        """See Outbox."""
        async with self._gate("outbox.replay"):
            rows = [row for row in self._find_rows(delivery_ids) if can(row.delivery.state, "replayed")]
            for row in rows:
                self._lines.change(row, revive_delivery(row.delivery, self._steady.read().wall_us))
                self.news.lift(row.delivery.new.destination)
            return len(rows)

    async def drop(self, delivery_ids: Sequence[str], by: str) -> int:
        """See Outbox."""
        async with self._gate("outbox.drop"):
            now_us = self._steady.read().wall_us
            rows = [row for row in self._find_rows(delivery_ids) if row.delivery.state == "dead" or row.is_free(now_us)]
            for row in rows:
                self._lines.change(row, end_delivery(row.delivery, "dropped", by, now_us))
                self.news.lift(row.delivery.new.destination)
            return len(rows)

    async def fold(
        self,
        tokens: Sequence[str],
        delivery_ids: Sequence[str],
        digest: NewDelivery,
        cancelled: Collection[str] = (),
        told_at: Moment | None = None,
    ) -> int:
        """See Outbox."""
        told_us = self._steady.read().as_told_at(told_at).offset_us
        async with self._gate("outbox.fold"):
            now = self._steady.read()
            now_us, digest = now.wall_us, replace(digest, due_us=digest.due_us + now.offset_us - told_us)
            rows = {row.delivery.seq: row for row in (self._get_held(token, now_us) for token in tokens)}
            for delivery_id in delivery_ids:
                row = self._lines.ids.get(delivery_id)
                if row is None or not (row.is_free(now_us) or row.delivery.seq in rows):
                    raise no_longer_waits(row.delivery.new.order_key if row else "")
                rows[row.delivery.seq] = row
            folded = [(row.delivery, row.place) for row in rows.values()]
            place = place_of_digest(folded, digest, self._lines.count_waiting)
            self.check([digest])
            for row in rows.values():
                step: DeliveryStep = "cancelled" if row.delivery.id in cancelled else "folded"
                self._lines.change(row, end_delivery(row.delivery, step, digest.id, now_us))
                self.news.lift(row.delivery.new.destination)
            self._lines.add(digest, "waiting", "", 0, place)
            self.news.lift(digest.destination)
            return len(rows)

    async def measure_waiting(self, destination: str, enough: int) -> WaitingCounts:
        """See Outbox."""
        async with self._gate("outbox.waiting"):
            now_us = self._steady.read().wall_us
            rows = self._lines.list_waiting(destination)
            due = sum(row.delivery.due_us <= now_us and row.is_free(now_us) for row in rows)
            return WaitingCounts(min(due, enough), rows[0].delivery.new.created_us if rows else None)

    async def backlog(self, destination: str, after: LinePlace | None, limit: int) -> Backlog:
        """See Outbox."""
        async with self._gate("outbox.backlog"):
            now_us = self._steady.read().wall_us
            rows = self._lines.list_lines(destination)
            if after is not None:
                rows = [row for row in rows if row.line_place > after]
            seen = [(row.view_at(now_us), row.line_place) for row in rows[: limit + 1]]
            receipts = {key: text for (name, key), (text, _) in self._receipts.items() if name == destination}
            return page_of(seen, after, limit, receipts)

    async def move(self, destination: str, to: str) -> int:
        """See Outbox."""
        async with self._gate("outbox.move"):
            rows = self._lines.list_waiting(destination)
            for row in rows:
                self._lines.change(row, replace(row.delivery, new=replace(row.delivery.new, destination=to)))
            self.news.lift(destination)
            self.news.lift(to)
            return len(rows)

    async def balances(self, since_us: int | None = None) -> Sequence[Balance]:
        """See Outbox."""
        async with self._gate("outbox.balances"):
            if since_us is None:
                return self._lines.balances()
            rows = self._lines.rows.values()
            return balances_of(row.delivery for row in rows if row.delivery.new.created_us >= since_us)

    async def receipt(self, destination: str, order_key: str) -> str | None:
        """See Outbox."""
        async with self._gate("outbox.receipt"):
            stored = self._receipts.get((destination, order_key))
            return stored[0] if stored else None

    def check(self, deliveries: Iterable[NewDelivery]) -> None:
        """Raise DuplicateDelivery unless every one is new by id and by key."""
        ids, keys = set(self._lines.ids), set(self._lines.unique)
        for new in deliveries:
            if new.id in ids or new.unique_key in keys:
                raise DuplicateDelivery(str(new.unique_key))
            ids.add(new.id)
            keys.add(new.unique_key)

    def add(
        self,
        waiting: Sequence[NewDelivery],
        dead: Sequence[NewDelivery],
        now_us: int,
        shadows: Sequence[NewDelivery] = (),
    ) -> None:
        """Take in deliveries that were checked. Who waits for news is told by the caller."""
        for new in waiting:
            self._lines.add(new, state_after("", "decided"), "", 0)
        for new in dead:
            self._lines.add(new, state_after("", "given up untried"), GAVE_UP, now_us)
        for new in shadows:
            self._lines.add(new, state_after("", "decided in shadow"), "", now_us)

    def check_waiting(self, delivery_ids: Sequence[str], now_us: int) -> None:
        """Raise Moved unless all of them wait and none is leased."""
        if not all((row := self._lines.ids.get(text)) is not None and row.is_free(now_us) for text in delivery_ids):
            raise Moved("a delivery was leased or settled meanwhile")

    def withdraw(self, silenced: Mapping[str, str], now_us: int) -> None:
        """Settle as suppressed those that still wait and are not leased."""
        for delivery_id, by in silenced.items():
            row = self._lines.ids.get(delivery_id)
            if row is not None and row.is_free(now_us):
                self._lines.change(row, end_delivery(row.delivery, "silenced", by, now_us))
                self.news.lift(row.delivery.new.destination)

    def shift(self, by_us: int) -> None:
        """Move due times along after the wall clock was set: what waits waits as long as it was to."""
        for row in self._lines.rows.values():
            delivery = row.delivery
            first_us = delivery.first_tried_us + by_us if delivery.first_tried_us else 0
            row.delivery = replace(delivery, due_us=delivery.due_us + by_us, first_tried_us=first_us)
            row.leased_until_us = row.leased_until_us + by_us if row.leased_until_us else 0

    def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` deliveries settled before ``before_us`` and say how many; receipts as old go too."""
        old = [row for row in self._lines.rows.values() if row.delivery.state != "waiting" and row.ended_us < before_us]
        old = old[:limit]
        for row in old:
            self._lines.forget(row)
        self._receipts = {key: value for key, value in self._receipts.items() if value[1] >= before_us}
        return len(old)

    def _find_rows(self, delivery_ids: Iterable[str]) -> list[DeliveryRow]:
        rows = (self._lines.ids.get(delivery_id) for delivery_id in dict.fromkeys(delivery_ids))
        return [row for row in rows if row is not None]

    def _of_token(self, token: str) -> DeliveryRow | None:
        seq = token.partition(".")[0]
        return self._lines.rows.get(int(seq)) if seq.isdecimal() else None

    def _find_held(self, token: str, now_us: int) -> DeliveryRow | None:
        row = self._of_token(token)
        return row if row is not None and row.token == token and row.is_leased(now_us) else None

    def _get_held(self, token: str, now_us: int) -> DeliveryRow:
        row = self._find_held(token, now_us)
        if row is None:
            lost = self._of_token(token)
            raise LeaseLost(lost.delivery.id if lost else token)
        return row


def _fits(delivery: Delivery, query: DeliveryQuery) -> bool:
    new = delivery.new
    return (
        query.state in (None, delivery.state)
        and query.destination in (None, new.destination)
        and query.rule in (None, new.rule)
        and query.topic_uid in (None, new.topic_uid)
        and query.offset in (None, new.offset)
        and query.order_key in (None, new.order_key)
        and query.incident in (None, new.incident)
        and (query.into is None or (delivery.state in ("folded", "cancelled") and delivery.by == query.into))
        and (query.id_prefix is None or delivery.id.startswith(query.id_prefix))
        and (query.since_us is None or new.created_us >= query.since_us)
        and (query.until_us is None or new.created_us < query.until_us)
        and query.key in (None, new.key)
        and (query.before_seq is None or delivery.seq < query.before_seq)
    )
