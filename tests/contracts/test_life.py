"""A store's life: ownership, health, opening again, closing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from broker.errors import StoreUnavailable
from broker.model import Commit, Cursor, Health, OwnerToken, Put, SettleDelivered, SweepPolicy
from broker.store import Store
from tests.contracts.builders import (
    NOW_US,
    TOPIC,
    a_decision,
    a_delivery,
    a_message,
    a_project,
    a_row,
    an_attempt,
    in_time,
    lease_all,
    messages,
    put_in,
)
from tests.contracts.engines import Engine


async def test_one_node_holds_all_it_wants(engine: Engine) -> None:
    async with engine.open() as store:
        held = await store.ownership.hold("node", ["courier:ops", "router:x"])
        assert set(held) == {"courier:ops", "router:x"}
        await store.commit(Commit(owner=held["router:x"]))
        await store.ownership.release("node")
        assert held["router:x"] == OwnerToken("router:x", 1)


async def test_a_store_that_works_says_so(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.health() == Health(writable=True)


async def test_a_closed_store_refuses_what_comes_after_and_says_why(engine: Engine) -> None:
    async with engine.open() as store:
        await store.close()
        await store.close()
        calls: list[Callable[[Store], Any]] = [
            lambda store: store.log.append(TOPIC, messages(1)),
            lambda store: store.log.read(TOPIC, 0, 1, 1),
            lambda store: store.log.bounds(TOPIC),
            lambda store: store.cursors.put(Cursor("s/x", 0)),
            lambda store: store.outbox.lease("ops", 1, 1),
            lambda store: store.state.read(["k"]),
            lambda store: store.commit(Commit()),
            lambda store: store.catalog.list("project"),
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call(store)
        health = await store.health()
        assert not health.writable
        assert "closed" in health.reason


async def test_closing_wakes_those_who_wait(engine: Engine) -> None:
    async with engine.open() as store:
        await store.outbox.lease("ops", 1, 1)
        waiters = [
            asyncio.ensure_future(store.log.wait_for(TOPIC, 0)),
            asyncio.ensure_future(store.outbox.wait_for_news("ops")),
        ]
        for _ in range(5):
            await store.log.bounds(TOPIC)
        await store.close()
        await in_time(asyncio.wait(waiters))


async def test_what_was_begun_before_closing_is_finished(engine: Engine) -> None:
    async with engine.open() as store:
        appends = [asyncio.ensure_future(store.log.append(TOPIC, messages(1))) for _ in range(20)]
        await store.log.bounds(TOPIC)
        await store.close()
        answers = await asyncio.gather(*appends, return_exceptions=True)
        assert not any(isinstance(answer, BaseException) for answer in answers)


async def test_a_store_opened_again_holds_everything(engine: Engine) -> None:
    if not engine.survives:
        return
    async with engine.open() as store:
        await store.log.append(TOPIC, [a_message("a"), a_message("b", k="v")], "key")
        await store.cursors.put(Cursor("s/x", 1))
        await store.catalog.write([Put("EGI", a_project(), 0)])
        await store.commit(
            Commit(
                state=[a_row("k")], decisions=[a_decision()], counters={(TOPIC, "n"): 3}, deliveries=[a_delivery("d1")]
            )
        )
        await put_in(store, a_delivery("d2", order_key="b"))
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDelivered("r"), an_attempt())
        before = await _all_of(store)
    async with engine.open() as store:
        assert await _all_of(store) == before
        assert (await store.log.append(TOPIC, messages(1))).first == 2
        assert (await store.log.append(TOPIC, messages(1), "key")).repeated
        await store.commit(Commit(state=[a_row("k2")], deliveries=[a_delivery("d3")], decisions=[a_decision()]))
        assert [one.seq for one in await store.decisions.list_after(0, 10)] == [1, 2]


async def test_leases_of_a_process_that_is_no_more_end_when_the_store_is_opened(engine: Engine) -> None:
    if not engine.survives:
        return
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"))
        await lease_all(store)
    async with engine.open() as store:
        (leased,) = (await lease_all(store)).values()
        assert (leased.delivery.id, leased.delivery.unclear) == ("d1", True)


async def test_numbers_are_not_given_again_after_a_sweep_and_an_opening(engine: Engine) -> None:
    if not engine.survives:
        return
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1")], decisions=[a_decision()], state=[a_row("k")]))
        version = (await store.state.read(["k"]))["k"].version
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())
        swept = await store.sweep(SweepPolicy(2**60, NOW_US + 1, NOW_US + 1))
        assert (swept.deliveries, swept.decisions, swept.state_rows) == (1, 1, 1)
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d2")], decisions=[a_decision()], state=[a_row("k")]))
        (found,) = (await lease_all(store)).values()
        assert found.delivery.seq == 2
        assert [one.seq for one in await store.decisions.list_after(0, 10)] == [2]
        assert (await store.state.read(["k"]))["k"].version > version


async def _all_of(store: Store) -> Any:
    found = await store.outbox.read("d1")
    return (
        await store.log.bounds(TOPIC),
        await store.log.read(TOPIC, 0, 100, 10**9),
        await store.cursors.list(""),
        await store.catalog.list("project"),
        await store.state.read(["k"]),
        await store.decisions.list_after(0, 10),
        await store.counters(),
        found,
        await store.outbox.receipt("ops", "host-1"),
        await store.outbox.balances(),
    )
