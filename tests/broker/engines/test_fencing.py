"""Whatever a worker writes, the database lets in only while its token holds, and counts what came too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import psycopg
import pytest

from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.postgres.address import address_of
from broker.engines.postgres.connections import connect
from broker.engines.postgres.queries import load
from broker.errors import LeaseLost, NotOwner
from broker.model import Commit, Cursor, OwnerToken, Put, SettleDelivered, SweepPolicy
from broker.ownership import current_owner, writing_under
from broker.store import Store
from tests.broker.engines.test_ownership import expire
from tests.contracts.builders import (
    LATER_US,
    OTHER_TOPIC,
    TOPIC,
    a_decision,
    a_delivery,
    a_move,
    a_project,
    a_row,
    in_time,
    lease_all,
    messages,
    put_in,
)
from tests.contracts.postgres_databases import a_database, an_empty_database

Write = Callable[[Store], Awaitable[object]]

WRITES: Final[Mapping[str, tuple[str, Write]]] = {
    "a router commits": (
        "router:t",
        lambda store: store.commit(
            Commit(
                cursors=[a_move(1)],
                deliveries=[a_delivery("new")],
                state=[a_row()],
                decisions=[a_decision()],
                counters={(TOPIC, "n"): 1},
            )
        ),
    ),
    "a courier leases": ("courier:ops", lambda store: store.outbox.lease("ops", 9, 30)),
    "a courier folds": ("courier:ops", lambda store: store.outbox.fold((), ["d1"], a_delivery("digest"))),
    "a courier publishes to a topic": ("courier:mirror", lambda store: store.log.append(TOPIC, messages(1), "d1")),
    "a pusher moves its cursor": ("pusher:s", lambda store: store.cursors.put(Cursor("s/one", 4))),
    "a pusher gives up": (
        "pusher:s",
        lambda store: store.commit(Commit(cursors=[a_move(1, name="s/one")], dead=[a_delivery("dead")])),
    ),
    "a pull appends": ("pull:ams:one", lambda store: store.log.append(TOPIC, messages(2), "remote-7")),
    "a fetch appends to a new topic": ("fetch:rss", lambda store: store.log.append(OTHER_TOPIC, messages(2))),
    "a canary commits": (
        "canary:ops",
        lambda store: store.commit(Commit(reads={"c/ops": 0}, state=[a_row("c/ops")], deliveries=[a_delivery("c1")])),
    ),
    "a listener silences": ("listen:ops", lambda store: store.catalog.write([Put("EGI", a_project(), 0)])),
    "a listener drops": ("listen:ops", lambda store: store.outbox.drop(["d1"], "alice")),
    "a listener replays": ("listen:ops", lambda store: store.outbox.replay(["gone"])),
    "the sweeper sweeps": ("sweeper", lambda store: store.sweep(SweepPolicy(LATER_US, LATER_US, LATER_US))),
    "the sweeper begins a slab": (
        "sweeper",
        lambda store: store.sweep(SweepPolicy(0, 0, 0, messages_keep_us=1)),
    ),
    "the sweeper trims": ("sweeper", lambda store: store.log.trim(TOPIC, 2)),
    "the sweeper drops a log": ("sweeper", lambda store: store.log.drop(TOPIC)),
    "the sweeper keeps numbers": ("sweeper", lambda store: store.log.reserve(TOPIC, 90)),
    "somebody deletes a cursor": ("sweeper", lambda store: store.cursors.delete("s/other")),
    "somebody moves what waits": ("sweeper", lambda store: store.outbox.move("ops", "other")),
}
_OURS: Final = {"nodes", "workers", "writers", "refused_writes", "clock_marks", "schema_versions", "lock_slots"}
_ALL_OF: Final = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t"


@dataclass(frozen=True)
class Nodes:
    """Two nodes on a database in which there is something of everything."""

    a: Store
    b: Store
    db: psycopg.Connection[tuple[object, ...]]

    async def take_over(self, worker: str) -> OwnerToken:
        """The token of a worker that the first node held until it was not heard of, and that the other has now."""
        token = (await self.a.ownership.hold("a", [worker]))[worker]
        expire("a")
        assert set(await self.b.ownership.hold("b", [worker])) == {worker}
        return token

    def contents(self) -> dict[str, object]:
        """What stands in each table that holds what nodes share."""
        tables = [name for (name,) in self.db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {str(name): self.db.execute(_ALL_OF.format(name)).fetchone() for name in tables if name not in _OURS}

    def refused(self) -> list[tuple[object, ...]]:
        """The writes that were refused, by worker and token."""
        return self.db.execute("SELECT worker, token, writes FROM refused_writes ORDER BY 1, 2").fetchall()


@asynccontextmanager
async def two_nodes() -> AsyncIterator[Nodes]:
    url, clock = an_empty_database(), ManualClock()
    async with AsyncExitStack() as undoing:
        stores = []
        for name in ("a", "b"):
            stores.append(await open_store(url, clock, name))
            undoing.push_async_callback(stores[-1].close)
        found = Nodes(*stores, undoing.enter_context(psycopg.connect(url, autocommit=True)))
        await found.b.log.append(TOPIC, messages(5), "before")
        await put_in(found.b, a_delivery("d1"), a_delivery("settled", order_key="host-2"))
        await found.b.commit(Commit(dead=[a_delivery("gone", order_key="host-3")], state=[a_row("old", expires_us=1)]))
        await found.b.cursors.put(Cursor("s/other", 3))
        await found.b.outbox.drop(["settled"], "bob")
        yield found


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_under_a_token_that_holds_goes_in_and_one_that_came_too_late_changes_nothing_and_is_counted(
    name: str,
) -> None:
    async with two_nodes() as nodes:
        worker, write = WRITES[name]
        late = await nodes.take_over(worker)
        before = nodes.contents()
        with writing_under(late), pytest.raises(NotOwner) as refused:
            await in_time(write(nodes.a))
        assert refused.value.owner == late
        assert nodes.contents() == before
        assert nodes.refused() == [(worker, late.token, 1)]
        with writing_under(OwnerToken(worker, late.token + 1)):
            await in_time(write(nodes.b))
        assert nodes.contents() != before
        assert nodes.refused() == [(worker, late.token, 1)]


async def test_each_write_that_came_too_late_is_counted_those_among_others_that_go_in_too() -> None:
    async with two_nodes() as nodes:
        late = await nodes.take_over("router:t")

        async def write(number: int) -> None:
            with writing_under(late if number % 2 else None):
                await nodes.a.commit(Commit(cursors=[a_move(1, name=f"s/{number}")]))

        outcomes = await asyncio.gather(*(write(number) for number in range(10)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), NotOwner] * 5
        assert nodes.refused() == [("router:t", late.token, 5)]
        assert len(await nodes.b.cursors.list("s/")) == 6


async def test_a_node_that_was_not_heard_of_writes_nothing_although_nobody_took_over() -> None:
    async with two_nodes() as nodes:
        token = (await nodes.a.ownership.hold("a", ["sweeper"]))["sweeper"]
        expire("a")
        with writing_under(token), pytest.raises(NotOwner):
            await nodes.a.log.trim(TOPIC, 2)
        assert nodes.refused() == [("sweeper", token.token, 1)]
        assert (await nodes.a.ownership.hold("a", ["sweeper"]))["sweeper"] == token
        with writing_under(token):
            assert await nodes.a.log.trim(TOPIC, 2) == 2


async def test_a_settlement_of_a_node_that_was_taken_over_is_refused_and_counted() -> None:
    async with two_nodes() as nodes:
        token = (await nodes.a.ownership.hold("a", ["courier:ops"]))["courier:ops"]
        with writing_under(token):
            leased = (await lease_all(nodes.a))["d1"]
            expire("a")
            await nodes.b.ownership.hold("b", ["courier:ops"])
            before = nodes.contents()
            with pytest.raises(LeaseLost) as lost:
                await nodes.a.outbox.settle(leased.token, SettleDelivered(), None)
            await nodes.a.outbox.give_back([leased.token])
        assert lost.value.owner == token
        assert nodes.contents() == before
        assert nodes.refused() == [("courier:ops", token.token, 1)]


async def test_a_node_that_lives_settles_what_it_had_begun_before_its_courier_went_elsewhere() -> None:
    async with two_nodes() as nodes:
        token = (await nodes.a.ownership.hold("a", ["courier:ops"]))["courier:ops"]
        with writing_under(token):
            leased = (await lease_all(nodes.a))["d1"]
            await nodes.a.ownership.hold("a", [])
            await nodes.b.ownership.hold("b", ["courier:ops"])
            settled = await nodes.a.outbox.settle(leased.token, SettleDelivered(), None)
        assert settled.state == "delivered"
        assert nodes.refused() == []


async def test_a_worker_changes_hands_only_when_the_write_under_way_has_ended() -> None:
    async with two_nodes() as nodes:
        await nodes.a.ownership.hold("a", ["router:t"])
        with psycopg.connect(a_database("contracts")) as writing:
            writing.execute(load("ownership")["owners"], (["router:t"],))
            expire("a")
            assert await nodes.b.ownership.hold("b", ["router:t"]) == {}
            writing.commit()
            assert set(await nodes.b.ownership.hold("b", ["router:t"])) == {"router:t"}


@pytest.mark.parametrize("question", [b"", b"SELECT repeat('x', 10000) FROM generate_series(1, 20000)"])
async def test_a_node_that_is_paused_within_a_transaction_keeps_its_locks_from_nobody_for_long(question: bytes) -> None:
    async with two_nodes() as nodes:
        paused = await connect(address_of(a_database("contracts")))
        try:
            await paused.execute("BEGIN")
            await paused.execute("SELECT * FROM lock_slots, workers FOR UPDATE")
            if question:
                paused.pgconn.send_query(question)  # and takes no answer
            await in_time(nodes.b.commit(Commit(deliveries=[a_delivery("d9")])))
        finally:
            await paused.close()


async def test_a_dead_node_that_is_paused_between_statements_sent_together_keeps_its_locks_from_nobody() -> None:
    async with two_nodes() as nodes:
        await nodes.a.ownership.hold("a", ["router:t"])
        named = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'ams-bridge % 1' LIMIT 1"
        (session,) = nodes.db.execute(named).fetchone() or ("",)
        paused = psycopg.connect(a_database("contracts"), autocommit=True, application_name=str(session))
        with suppress(psycopg.OperationalError), paused, paused.pipeline():  # it is ended, and tells so when it goes on
            paused.execute("BEGIN")
            paused.execute("SELECT * FROM lock_slots, workers FOR UPDATE").fetchall()  # the rest is on its way
            expire("a")
            assert set(await nodes.b.ownership.hold("b", ["router:t"])) <= {"router:t"}
            await in_time(nodes.b.commit(Commit(deliveries=[a_delivery("d9")])))
            assert set(await nodes.b.ownership.hold("b", ["router:t"])) == {"router:t"}
        assert paused.broken


def test_what_is_begun_in_a_block_writes_under_its_token_and_what_follows_it_does_not() -> None:
    token = OwnerToken("router:t", 3)
    assert current_owner() is None
    with writing_under(token):
        assert current_owner() == token
        with writing_under(None):
            assert current_owner() is None
        assert current_owner() == token
    assert current_owner() is None
