"""Who owns which worker in PostgreSQL: shares, takeovers, and writes under a token that holds no longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from math import ceil

import psycopg
import pytest

from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.postgres.sharing import fair_share
from broker.errors import LeaseLost, NotOwner
from broker.model import Commit, SettleDelivered
from broker.store import Store
from tests.contracts.builders import a_delivery, a_move, lease_all, put_in
from tests.contracts.postgres_databases import an_empty_database

WORKERS = [f"courier:{n}" for n in range(4)] + [f"router:{n}" for n in range(4)]


@asynccontextmanager
async def several(*names: str) -> AsyncIterator[list[Store]]:
    """Stores on one empty database, each of a node of its own."""
    url, clock = an_empty_database(), ManualClock()
    async with AsyncExitStack() as undoing:
        stores = []
        for name in names:
            stores.append(await open_store(url, clock, name))
            undoing.push_async_callback(stores[-1].close)
        yield stores


def expire(name: str) -> None:
    """Let the database take a node to be dead, as if nothing had been heard of it for long."""
    with psycopg.connect(an_address(), autocommit=True) as db:
        assert db.execute("UPDATE nodes SET until_us = 1 WHERE name = %s", (name,)).rowcount == 1


def an_address() -> str:
    from tests.contracts.postgres_databases import a_database

    return a_database("contracts")


async def test_nodes_share_workers_evenly_and_each_has_one_owner() -> None:
    async with several("a", "b") as (a, b):
        assert set(await a.ownership.hold("a", WORKERS)) == set(WORKERS)
        assert await b.ownership.hold("b", WORKERS) == {}
        held_by_a = await a.ownership.hold("a", WORKERS)
        held_by_b = await b.ownership.hold("b", WORKERS)
        assert len(held_by_a) == len(held_by_b) == 4
        assert not held_by_a.keys() & held_by_b.keys()
        assert {worker.partition(":")[0] for worker in held_by_a} == {"courier", "router"}


async def test_what_others_could_not_run_is_run_beyond_the_share() -> None:
    async with several("a", "b") as (a, b):
        await b.ownership.hold("b", ["sweeper"])
        assert len(await a.ownership.hold("a", [*WORKERS, "sweeper"])) == 8
        assert set(await b.ownership.hold("b", ["sweeper"])) == {"sweeper"}


def test_a_share_counts_each_worker_for_all_that_could_run_it() -> None:
    def share(wanted: set[str], *sharers: tuple[set[str], int]) -> int:
        return ceil(sum(fair_share(wanted, sharers).values()))

    many = {f"w{n}" for n in range(1_000)}
    assert share(many, (many, 100)) == 10
    assert share(many, (many, 99)) == 11
    assert share({"a", "b", "c"}, ({"a", "b", "c"}, 3)) == 1
    assert share({"a", "b", "c"}, ({"a", "b", "c"}, 1), ({"c"}, 2)) == 3
    assert share({"c"}, ({"a", "b", "c"}, 1), ({"c"}, 2)) == 1
    assert share(set(), (many, 3)) == 0


async def test_nodes_have_as_much_of_each_kind_and_what_belongs_together() -> None:
    workers = [f"{kind}:{n}" for kind in ("courier", "router") for n in range(3)] + ["sweeper"]
    async with several("a", "b", "c") as nodes:
        for _ in range(2):
            held = [await node.ownership.hold(name, workers) for name, node in zip("abc", nodes, strict=True)]
        assert [set(one) for one in held] == [
            {"courier:0", "router:0", "sweeper"},
            {"courier:1", "router:1"},
            {"courier:2", "router:2"},
        ]


async def test_nothing_stays_free_because_those_with_room_have_their_share_of_its_kind() -> None:
    workers = [f"{kind}:{n}" for kind in "xyz" for n in range(4)]
    async with several("a", "b", "c") as (a, b, c):
        await a.ownership.hold("a", workers)
        await b.ownership.hold("b", workers[:8])
        await c.ownership.hold("c", workers)
        for _ in range(3):
            held = [
                await a.ownership.hold("a", workers),
                await b.ownership.hold("b", workers[:8]),
                await c.ownership.hold("c", workers),
            ]
        assert sorted(name for one in held for name in one) == workers


async def test_shares_follow_nodes_that_come_and_go_and_could_run_other_workers() -> None:
    async with several("a", "b", "c") as (a, b, c):
        assert len(await a.ownership.hold("a", WORKERS)) == 8
        await b.ownership.hold("b", WORKERS)
        assert len(await a.ownership.hold("a", WORKERS)) == 4
        await c.ownership.hold("c", [*WORKERS[:4], "pull:x"])
        assert len(await a.ownership.hold("a", WORKERS)) == 4  # a half of four, a third of four, up to the next whole
        assert len(await a.ownership.hold("a", WORKERS[:4])) <= 2
        assert set(await b.ownership.hold("b", WORKERS)) == set(WORKERS[4:])
        await a.close()
        expire("c")
        assert set(await b.ownership.hold("b", WORKERS)) == set(WORKERS)


async def test_what_a_node_could_run_is_said_again_where_the_database_lost_it() -> None:
    async with several("a", "b") as (a, b):
        await a.ownership.hold("a", WORKERS)
        with psycopg.connect(an_address(), autocommit=True) as db:
            db.execute("UPDATE nodes SET wants = '{}' WHERE name = 'a'")
            db.execute("DELETE FROM workers")
        assert set(await a.ownership.hold("a", WORKERS)) == set(WORKERS)
        await b.ownership.hold("b", WORKERS)
        assert len(await a.ownership.hold("a", WORKERS)) == 4


async def test_a_node_that_is_not_heard_of_loses_its_workers_and_its_tokens() -> None:
    async with several("a", "b") as (a, b):
        token = (await a.ownership.hold("a", ["router:x"]))["router:x"]
        await a.commit(Commit(cursors=[a_move(1)], owner=token))
        expire("a")
        with pytest.raises(NotOwner):
            await a.commit(Commit(cursors=[a_move(2, rev=1)], owner=token))
        taken = (await b.ownership.hold("b", ["router:x"]))["router:x"]
        assert taken.token == token.token + 1
        with pytest.raises(NotOwner):
            await a.commit(Commit(cursors=[a_move(2, rev=1)], owner=token))
        await b.commit(Commit(cursors=[a_move(2, rev=1)], owner=taken))
        standings = {node.name: node for node in await b.ownership.nodes()}
        assert (standings["a"].is_alive, standings["a"].workers) == (False, ())
        assert [(one.name, one.taken_from) for one in standings["b"].workers] == [("router:x", "a")]


async def test_deliveries_of_a_dead_courier_are_due_at_once_for_the_next_one() -> None:
    async with several("a", "b") as (a, b):
        await a.ownership.hold("a", ["courier:ops"])
        await put_in(a, a_delivery("d1"))
        leased = await lease_all(a)
        expire("a")
        await b.ownership.hold("b", ["courier:ops"])
        (again,) = (await lease_all(b)).values()
        assert (again.delivery.id, again.delivery.unclear) == ("d1", True)
        with pytest.raises(LeaseLost):
            await a.outbox.settle(leased["d1"].token, SettleDelivered(), None)


async def test_nothing_is_leased_at_a_destination_whose_courier_is_elsewhere() -> None:
    async with several("a", "b") as (a, b):
        await b.ownership.hold("b", ["courier:ops"])
        await put_in(a, a_delivery("d1"))
        assert await lease_all(a) == {}
        assert set(await lease_all(b)) == {"d1"}


async def test_a_later_run_of_the_same_node_ends_the_earlier_one() -> None:
    async with several("a") as (a,):
        token = (await a.ownership.hold("a", ["router:x"]))["router:x"]
        again = await open_store(an_address(), ManualClock(), "a")
        try:
            assert await a.ownership.hold("a", ["router:x"]) == {}
            assert (await again.ownership.hold("a", ["router:x"]))["router:x"].token == token.token + 1
            with pytest.raises(NotOwner):
                await a.commit(Commit(owner=token))
        finally:
            await again.close()


async def test_a_node_that_ends_frees_what_it_held_at_once() -> None:
    async with several("a", "b") as (a, b):
        await a.ownership.hold("a", ["router:x"])
        await a.close()
        assert set(await b.ownership.hold("b", ["router:x"])) == {"router:x"}
