"""Settling: what becomes of a delivery, and what is put on record."""

from __future__ import annotations

import asyncio

import pytest

from broker.errors import LeaseLost
from broker.model import SettleAgain, SettleDead, SettleDelivered
from tests.contracts.builders import NOW_US, a_delivery, an_attempt, lease_all, lease_names, put_in
from tests.contracts.engines import Engine


async def test_a_delivered_one_is_at_its_end(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        await engine.clock.advance(2)
        delivery = await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())
        assert (delivery.state, delivery.leased, delivery.settled_us) == ("delivered", False, NOW_US + 2_000_000)
        assert (delivery.attempts, delivery.tries, delivery.first_tried_us) == (1, 1, NOW_US)
        assert await store.outbox.read("d1") == (delivery, [an_attempt()])
        assert await store.outbox.next_due_us("ops") is None


async def test_one_to_be_tried_again_waits_in_its_new_form(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        failed = an_attempt(outcome="later", reason="503", counted=False, unclear=True, form="")
        delivery = await store.outbox.settle(leased["d1"].token, SettleAgain(NOW_US + 60_000_000, "plain"), failed)
        assert (delivery.state, delivery.due_us, delivery.form) == ("waiting", NOW_US + 60_000_000, "plain")
        assert (delivery.attempts, delivery.tries, delivery.unclear, delivery.settled_us) == (0, 1, True, 0)
        await engine.clock.advance(60)
        (again,) = await store.outbox.lease("ops", 1, 30)
        assert (again.delivery.form, again.delivery.tries, again.delivery.unclear) == ("plain", 1, True)


async def test_a_dead_one_tells_why_and_frees_its_key(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        leased = await lease_all(store)
        refused = an_attempt(outcome="refused", reason="404")
        delivery = await store.outbox.settle(leased["d1"].token, SettleDead("no such hook"), refused)
        assert (delivery.state, delivery.by) == ("dead", "no such hook")
        assert await lease_names(store) == ["d2"]


async def test_every_try_is_on_record_oldest_first(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        tries = [
            an_attempt(at_us=NOW_US + number, outcome="later", reason=f"{number}", counted=number % 2 == 0, form="f")
            for number in range(4)
        ]
        for attempt in tries:
            (leased,) = await store.outbox.lease("ops", 1, 30)
            await store.outbox.settle(leased.token, SettleAgain(NOW_US), attempt)
        found = await store.outbox.read("d1")
        assert found is not None
        delivery, attempts = found
        assert list(attempts) == tries
        assert (delivery.attempts, delivery.tries, delivery.first_tried_us) == (2, 4, NOW_US)


async def test_a_settlement_without_a_try_counts_none(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDead("too old"), None)
        found = await store.outbox.read("d1")
        assert found is not None
        assert (found[0].tries, found[0].first_tried_us, found[1]) == (0, 0, [])


async def test_a_lease_settles_once(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        token = (await lease_all(store))["d1"].token
        settlements = [store.outbox.settle(token, SettleDelivered(), an_attempt()) for _ in range(5)]
        answers = await asyncio.gather(*settlements, return_exceptions=True)
        assert sum(isinstance(answer, LeaseLost) for answer in answers) == 4
        found = await store.outbox.read("d1")
        assert found is not None
        assert len(found[1]) == 1


async def test_a_stale_settlement_leaves_the_others_of_its_group_alone(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{number}", order_key=f"k{number}") for number in range(6)))
        leased = await lease_all(store)
        tokens = [one.token if number % 2 else "9.9" for number, one in enumerate(leased.values())]
        answers = await asyncio.gather(
            *(store.outbox.settle(token, SettleDelivered(), an_attempt()) for token in tokens), return_exceptions=True
        )
        assert [isinstance(answer, LeaseLost) for answer in answers] == [True, False] * 3


async def test_a_delivery_nobody_knows_is_none(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.outbox.read("d1") is None


async def test_who_looks_sees_whether_a_courier_holds_it_now(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        await lease_all(store, lease_s=10)
        for passed_s, leased in ((0, True), (9, True), (1, False)):
            await engine.clock.advance(passed_s)
            found = await store.outbox.read("d1")
            assert found is not None
            assert found[0].leased is leased


async def test_a_settled_delivery_cannot_be_given_back(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        token = (await lease_all(store))["d1"].token
        await store.outbox.settle(token, SettleDelivered(), an_attempt())
        await store.outbox.give_back([token])
        with pytest.raises(LeaseLost):
            await store.outbox.settle(token, SettleDelivered(), an_attempt())
        assert await lease_names(store) == []
