"""The Outbox against lists: whatever couriers, people and time do, lines keep their order and the books balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from broker.errors import LeaseLost, LineMoved
from broker.model import Commit, Leased, LeaseRequest, LinePlace, SettleAgain, SettleDead, SettleDelivered, Settlement
from tests.contracts.builders import TOPIC, a_delivery, an_attempt
from tests.contracts.machine import SETTINGS, EngineMachine

_S = 1_000_000
_DESTINATIONS = st.sampled_from(["ops", "mail"])
_KEYS = st.sampled_from(["a", "b", "c"])
_LEASE_S = 30.0
_PICKS = st.integers(0, 10_000)


@dataclass(eq=False)
class Modelled:
    """One delivery as it should stand. ``place`` orders its line."""

    name: str
    destination: str
    key: str
    priority: int
    due_us: int
    place: int
    seq: int
    stands_for: int
    state: str = "waiting"
    by: str = ""
    token: str = ""
    tries: int = 0
    unclear: bool = False
    tokens: list[str] = field(default_factory=list)

    def is_leased(self, now_us: int) -> bool:
        return bool(self.token) and self.due_us > now_us

    def end(self, state: str, by: str = "") -> None:
        self.state, self.by, self.token = state, by, ""


class OutboxMachine(EngineMachine):
    """The model keeps every delivery in one list, and asks it everything."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Modelled] = []
        self.places = 0

    @property
    def now_us(self) -> int:
        return self.clock.wall_us()

    def _next_place(self) -> int:
        self.places += 1
        return self.places

    def _line(self, destination: str, key: str) -> list[Modelled]:
        found = [one for one in self.all if (one.state, one.destination, one.key) == ("waiting", destination, key)]
        return sorted(found, key=lambda one: one.place)

    def _heads(self, destination: str) -> list[Modelled]:
        return [line[0] for key in ("a", "b", "c", "digest") if (line := self._line(destination, key))]

    def _free(self) -> list[Modelled]:
        return [one for one in self.all if one.state == "waiting" and not one.is_leased(self.now_us)]

    def _held(self) -> list[Modelled]:
        return [one for one in self.all if one.is_leased(self.now_us)]

    def _pick(self, pick: int, among: list[Modelled]) -> Modelled:
        return among[pick % len(among)]

    def _add(self, destination: str, key: str, priority: int, due_us: int, stands_for: int) -> Modelled:
        place = self._next_place()
        one = Modelled(f"d{place}", destination, key, priority, due_us, place, place, stands_for)
        self.all.append(one)
        return one

    @rule(
        destination=_DESTINATIONS,
        key=_KEYS,
        priority=st.integers(0, 3),
        in_s=st.sampled_from([0, 0, 0, 40]),
        count=st.integers(1, 3),
        stands_for=st.integers(0, 2),
        lease=st.none() | st.tuples(_DESTINATIONS, st.integers(1, 4), st.integers(1, 4)),
    )
    def commit(
        self,
        destination: str,
        key: str,
        priority: int,
        in_s: int,
        count: int,
        stands_for: int,
        lease: tuple[str, int, int] | None,
    ) -> None:
        due_us = self.now_us + in_s * _S
        added = [self._add(destination, key, priority, due_us, stands_for) for _ in range(count)]
        what = {"destination": destination, "order_key": key, "priority": priority, "due_us": due_us}
        news = [a_delivery(one.name, stands_for=stands_for, **what) for one in added]
        if lease is None:
            self.run(self.store.commit(Commit(deliveries=news)))
            return
        taken: list[Leased] = []
        request = LeaseRequest(lease[0], lease[1], _LEASE_S, lease[2])
        self.run(self.store.commit(Commit(deliveries=news, leases=(request,)), taken.extend))
        self._check_leased(request, taken)

    @rule(destination=_DESTINATIONS, limit=st.integers(1, 4), run=st.integers(1, 4))
    def lease(self, destination: str, limit: int, run: int) -> None:
        leased = self.run(self.store.outbox.lease(destination, limit, _LEASE_S, run))
        self._check_leased(LeaseRequest(destination, limit, _LEASE_S, run), leased)

    def _check_leased(self, request: LeaseRequest, leased: Sequence[Leased]) -> None:
        heads = [one for one in self._heads(request.destination) if one.due_us <= self.now_us]
        heads.sort(key=lambda one: (-one.priority, one.due_us, one.seq))
        wanted: list[tuple[Modelled, bool]] = []
        for head in heads[: request.limit]:
            line = self._line(head.destination, head.key)
            due = takewhile(lambda one: one.due_us <= self.now_us, line[: request.run])
            wanted += [(one, place < len(line)) for place, one in enumerate(due, start=1)]
        assert [(given.delivery.id, given.is_followed) for given in leased] == [(one.name, is_) for one, is_ in wanted]
        for given, (one, _) in zip(leased, wanted, strict=True):
            one.unclear = one.unclear or bool(one.token)
            one.token, one.due_us = given.token, self.now_us + int(_LEASE_S) * _S
            assert given.token not in one.tokens
            one.tokens.append(given.token)
            stands = (given.delivery.leased, given.delivery.unclear, given.delivery.tries)
            assert stands == (True, one.unclear, one.tries)

    @precondition(lambda self: self._held())
    @rule(pick=_PICKS, outcome=st.sampled_from(["delivered", "again", "dead"]), unclear=st.booleans())
    def settle(self, pick: int, outcome: str, unclear: bool) -> None:
        one = self._pick(pick, self._held())
        settlement: Settlement = SettleDelivered()
        if outcome == "again":
            settlement = SettleAgain(self.now_us + 10 * _S)
        elif outcome == "dead":
            settlement = SettleDead("why")
        delivery = self.run(self.store.outbox.settle(one.token, settlement, an_attempt(unclear=unclear)))
        one.tries += 1
        one.unclear = one.unclear or unclear
        if outcome == "again":
            one.token, one.due_us = "", self.now_us + 10 * _S
        else:
            one.end(outcome, "why" if outcome == "dead" else "")
        assert (delivery.state, delivery.tries, delivery.unclear) == (one.state, one.tries, one.unclear)

    @precondition(lambda self: any(one.tokens for one in self.all))
    @rule(pick=_PICKS)
    def settle_with_a_stale_token(self, pick: int) -> None:
        one = self._pick(pick, [one for one in self.all if one.tokens])
        stale = [token for token in one.tokens if token != one.token or not one.is_leased(self.now_us)]
        for token in stale[-1:]:
            with pytest.raises(LeaseLost) as lost:
                self.run(self.store.outbox.settle(token, SettleDelivered(), an_attempt()))
            assert lost.value.delivery == one.name

    @precondition(lambda self: self._held())
    @rule(pick=_PICKS)
    def give_back(self, pick: int) -> None:
        one = self._pick(pick, self._held())
        self.run(self.store.outbox.give_back([one.token, "no token"]))
        one.token, one.due_us = "", self.now_us

    @rule(seconds=st.sampled_from([1, 10, 35]))
    def wait(self, seconds: int) -> None:
        self.run(self.clock.advance(seconds, turns=1))

    @precondition(lambda self: self.all)
    @rule(pick=_PICKS, how=st.sampled_from(["withdraw", "drop", "replay"]))
    def intervene(self, pick: int, how: str) -> None:
        one = self._pick(pick, self.all)
        free = one in self._free()
        if how == "withdraw":
            self.run(self.store.commit(Commit(withdraw={one.name: "silence"})))
            if free:
                one.end("suppressed", "silence")
        elif how == "drop":
            may = free or one.state == "dead"
            assert self.run(self.store.outbox.drop([one.name], "sam")) == may
            if may:
                one.end("dropped", "sam")
        else:
            may = one.state == "dead"
            assert self.run(self.store.outbox.replay([one.name])) == may
            if may:
                one.end("waiting")
                one.place, one.due_us = self._next_place(), self.now_us

    @precondition(lambda self: any(one.state == "waiting" for one in self.all))
    @rule(
        pick=_PICKS,
        span=st.tuples(st.integers(0, 3), st.integers(1, 4)),
        in_place=st.booleans(),
        both=st.booleans(),
        cancels=st.booleans(),
    )
    def fold(self, pick: int, span: tuple[int, int], in_place: bool, both: bool, cancels: bool) -> None:
        """A stretch of one line, and perhaps the whole of another; the digest in the first one's line, or its own."""
        first = self._pick(pick, [one for one in self.all if one.state == "waiting"])
        line = self._line(first.destination, first.key)
        stretch = line[span[0] : span[0] + span[1]] or line
        other = self._line("mail", "c") if both and (first.destination, first.key) != ("mail", "c") else []
        folded = [*stretch, *other]
        digest = Modelled("", "mail", "digest", 1, self.now_us, 0, 0, 0)
        if in_place:
            digest.destination, digest.key = first.destination, first.key
        own = (digest.destination, digest.key) == (first.destination, first.key)
        cancelled = [one.name for one in stretch] if cancels else []
        if len(stretch) < len(line) and not own:
            with pytest.raises(LineMoved):
                self._fold(folded, digest, cancelled)
            return
        assert self._fold(folded, digest, cancelled) == len(folded)
        if own:
            self.all[-1].place = stretch[0].place

    def _fold(self, folded: list[Modelled], digest: Modelled, cancelled: list[str]) -> int:
        new = a_delivery(
            f"d{self.places + 1}",
            destination=digest.destination,
            order_key=digest.key,
            stands_for=0,
            due_us=self.now_us,
        )
        tokens = [one.token for one in folded if one.is_leased(self.now_us)]
        names = [one.name for one in folded if not one.is_leased(self.now_us)]
        count: int = self.run(self.store.outbox.fold(tokens, names, new, cancelled))
        for one in folded:
            one.end("cancelled" if one.name in cancelled else "folded")
        self._add(digest.destination, digest.key, 1, self.now_us, 0)
        return count

    @rule(destination=_DESTINATIONS)
    def move(self, destination: str) -> None:
        other = "mail" if destination == "ops" else "ops"
        moved = [one for one in self.all if one.state == "waiting" and one.destination == destination]
        assert self.run(self.store.outbox.move(destination, other)) == len(moved)
        for one in moved:
            one.destination = other

    @invariant()
    def the_books_balance(self) -> None:
        deliveries: Counter[tuple[str, str, str, str]] = Counter()
        stands_for: Counter[tuple[str, str, str, str]] = Counter()
        for one in self.all:
            deliveries[TOPIC, one.destination, one.state, one.by] += 1
            stands_for[TOPIC, one.destination, one.state, one.by] += one.stands_for
        wanted = [(*entry, count, stands_for[entry]) for entry, count in sorted(deliveries.items())]
        for balances in (self.run(self.store.outbox.balances()), self.run(self.store.outbox.balances(0))):
            found = [(b.topic_uid, b.destination, b.state, b.by, b.deliveries, b.stands_for) for b in balances]
            assert found == wanted

    @invariant()
    def what_waits_is_paged_line_by_line(self) -> None:
        for destination in ("ops", "mail"):
            lines = [line for key in ("a", "b", "c", "digest") if (line := self._line(destination, key))]
            for limit in (2, 100):
                found: list[str] = []
                after: LinePlace | None = None
                while True:
                    page = self.run(self.store.outbox.backlog(destination, after, limit))
                    found += [one.id for one in page.deliveries]
                    after = page.next
                    if after is None:
                        break
                assert found == [one.name for line in lines for one in line]
            due = sum(one.due_us <= self.now_us for line in lines for one in line)
            assert self.run(self.store.outbox.measure_waiting(destination, 1_000)).due == due

    @invariant()
    def the_next_due_time_is_that_of_the_heads(self) -> None:
        for destination in ("ops", "mail"):
            wanted = min((one.due_us for one in self._heads(destination)), default=None)
            assert self.run(self.store.outbox.next_due_us(destination)) == wanted


class SqliteOutboxMachine(OutboxMachine):
    kind = "sqlite"


class PostgresOutboxMachine(OutboxMachine):
    kind = "postgres"


class TestMemory(OutboxMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestSqlite(SqliteOutboxMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS


class TestPostgres(PostgresOutboxMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = SETTINGS
