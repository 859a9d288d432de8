"""Leasing: which deliveries a courier gets, in which order, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from broker.errors import LeaseLost
from broker.model import Commit, SettleAgain, SettleDead, SettleDelivered
from tests.contracts.builders import NOW_US, a_delivery, an_attempt, in_time, lease_all, lease_names, put_in
from tests.contracts.engines import Engine


async def test_a_leased_delivery_is_the_one_that_was_committed(engine: Engine) -> None:
    async with engine.open() as store:
        new = a_delivery(post=b"\x00\xff", places={"ö": "ß"}, late=True, stands_for=3, part=1, parts=2, offset=-1)
        await put_in(store, new)
        (leased,) = await store.outbox.lease("ops", 10, 30)
        delivery = leased.delivery
        assert delivery.new == new
        assert (delivery.state, delivery.leased, delivery.attempts, delivery.tries) == ("waiting", True, 0, 0)
        assert delivery.due_us == NOW_US + 30_000_000
        assert leased.earlier is None


async def test_a_delivery_is_leased_once(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        assert await lease_names(store) == ["d1"]
        assert await lease_names(store) == []


async def test_many_couriers_at_once_never_get_the_same(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{number}", order_key=f"k{number}") for number in range(40)))
        given = await asyncio.gather(*(lease_names(store, 3) for _ in range(20)))
        names = [name for some in given for name in some]
        assert len(names) == len(set(names)) == 40


async def test_another_destination_gets_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        assert await lease_names(store, destination="mail") == []


async def test_a_delivery_due_later_waits_for_its_time(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery(due_us=NOW_US + 5_000_000))
        assert await store.outbox.next_due_us("ops") == NOW_US + 5_000_000
        assert await lease_names(store) == []
        await engine.clock.advance(5)
        assert await lease_names(store) == ["d1"]


async def test_one_order_key_gives_one_delivery_at_a_time_in_the_order_of_commit(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        await put_in(store, a_delivery("d3"))
        order = []
        while leased := await store.outbox.lease("ops", 10, 30):
            (one,) = leased
            order.append(one.delivery.id)
            await store.outbox.settle(one.token, SettleDelivered(), an_attempt())
        assert order == ["d1", "d2", "d3"]


async def test_an_earlier_delivery_that_is_not_due_holds_back_its_own_key_only(engine: Engine) -> None:
    async with engine.open() as store:
        first = a_delivery("d1", due_us=NOW_US + 60_000_000)
        await put_in(store, first, a_delivery("d2"), a_delivery("d3", order_key="host-2"))
        assert await lease_names(store) == ["d3"]


async def test_the_same_key_at_two_destinations_is_two_lines(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", destination="mail"))
        assert await lease_names(store) == ["d1"]
        assert await lease_names(store, destination="mail") == ["d2"]


async def test_higher_priority_comes_first_then_the_oldest_due(engine: Engine) -> None:
    async with engine.open() as store:
        wanted = [("low", 0, -9), ("late", 2, -1), ("early", 2, -5), ("critical", 3, 0), ("mid", 1, -7)]
        await put_in(
            store,
            *(
                a_delivery(name, order_key=name, priority=priority, due_us=NOW_US + seconds * 1_000_000)
                for name, priority, seconds in wanted
            ),
        )
        assert await lease_names(store, 3) == ["critical", "early", "late"]
        assert await lease_names(store, 3) == ["mid", "low"]


async def test_priority_orders_keys_and_never_deliveries_of_one_key(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("first", priority=0), a_delivery("urgent", priority=3))
        assert await lease_names(store) == ["first"]


async def test_a_limit_of_zero_leases_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        assert await lease_names(store, 0) == []


async def test_a_lease_that_ended_can_be_taken_over_and_is_marked_unclear(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        (lost,) = await store.outbox.lease("ops", 1, 30)
        assert await store.outbox.next_due_us("ops") == NOW_US + 30_000_000
        await engine.clock.advance(30)
        (taken,) = await store.outbox.lease("ops", 1, 30)
        assert taken.token != lost.token
        assert (lost.delivery.unclear, taken.delivery.unclear) == (False, True)
        with pytest.raises(LeaseLost) as error:
            await store.outbox.settle(lost.token, SettleDelivered(), an_attempt())
        assert error.value.delivery == "d1"
        assert (await store.outbox.settle(taken.token, SettleDelivered(), an_attempt())).state == "delivered"


async def test_a_lease_that_ended_settles_nothing_even_before_it_is_taken_over(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        (lost,) = await store.outbox.lease("ops", 1, 30)
        await engine.clock.advance(30)
        with pytest.raises(LeaseLost):
            await store.outbox.settle(lost.token, SettleDead("late"), an_attempt())
        found = await store.outbox.read("d1")
        assert found is not None
        delivery, attempts = found
        assert (delivery.state, delivery.leased, attempts) == ("waiting", False, [])


@pytest.mark.parametrize("token", ["", "x", "7.1", "1.9", "1.x", "-1.1"])
async def test_a_token_that_was_never_given_settles_nothing(engine: Engine, token: str) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        await lease_all(store)
        with pytest.raises(LeaseLost):
            await store.outbox.settle(token, SettleDelivered(), an_attempt())
        await store.outbox.give_back([token])
        assert await lease_names(store) == []


async def test_a_lease_given_back_is_due_at_once_and_is_no_try(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="host-2"))
        leased = await lease_all(store)
        await engine.clock.advance(1)
        await store.outbox.give_back([leased["d1"].token, "stale"])
        assert await store.outbox.next_due_us("ops") == NOW_US + 1_000_000
        (again,) = await store.outbox.lease("ops", 10, 30)
        assert (again.delivery.id, again.delivery.tries, again.delivery.unclear) == ("d1", 0, False)
        with pytest.raises(LeaseLost):
            await store.outbox.settle(leased["d1"].token, SettleDelivered(), None)


async def test_nothing_is_due_where_nothing_waits(engine: Engine) -> None:
    async with engine.open() as store:
        assert await store.outbox.next_due_us("ops") is None


async def test_the_next_due_time_is_the_least_over_priorities_and_heads(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(
            store,
            a_delivery("d1", order_key="a", priority=3, due_us=NOW_US + 9),
            a_delivery("d2", order_key="b", priority=0, due_us=NOW_US + 5),
            a_delivery("d3", order_key="b", priority=2, due_us=NOW_US + 1),
            a_delivery("d4", order_key="c", priority=7, due_us=NOW_US + 6),
        )
        assert await store.outbox.next_due_us("ops") == NOW_US + 5


async def test_the_receipt_of_the_one_before_comes_with_the_next(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3", order_key="other"))
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDelivered("post-7"), an_attempt())
        (following,) = await store.outbox.lease("ops", 10, 30)
        assert (following.delivery.id, following.earlier) == ("d2", "post-7")
        assert leased["d3"].earlier is None
        await store.outbox.settle(following.token, SettleDelivered(), an_attempt())
        assert await store.outbox.receipt("ops", "host-1") == "post-7"
        assert await store.outbox.receipt("ops", "other") is None
        assert await store.outbox.receipt("mail", "host-1") is None


async def test_new_deliveries_wake_the_courier_that_waits(engine: Engine) -> None:
    async with engine.open() as store:
        await store.outbox.lease("ops", 10, 30)
        waiter = asyncio.ensure_future(store.outbox.wait_for_news("ops"))
        await put_in(store, a_delivery(destination="mail"))
        assert not waiter.done()
        await put_in(store, a_delivery("d2"))
        await in_time(waiter)


async def test_news_since_the_last_lease_are_not_missed(engine: Engine) -> None:
    async with engine.open() as store:
        await store.outbox.lease("ops", 10, 30)
        await put_in(store, a_delivery())
        await in_time(store.outbox.wait_for_news("ops"))


async def test_freed_and_returned_deliveries_are_news(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        (one,) = await store.outbox.lease("ops", 10, 30)
        await store.outbox.give_back([one.token])
        await in_time(store.outbox.wait_for_news("ops"))
        (one,) = await store.outbox.lease("ops", 10, 30)
        await store.outbox.settle(one.token, SettleDead("404"), an_attempt())
        await in_time(store.outbox.wait_for_news("ops"))
        await store.outbox.lease("ops", 10, 30)
        await store.outbox.replay(["d1"])
        await in_time(store.outbox.wait_for_news("ops"))
        await store.outbox.lease("ops", 10, 30)
        await store.commit(Commit(withdraw={"d1": "silence"}))
        await in_time(store.outbox.wait_for_news("ops"))


async def test_deliveries_that_waited_before_the_first_lease_are_news(engine: Engine) -> None:
    async with engine.open() as store:
        await in_time(store.outbox.wait_for_news("ops"))


async def test_leasing_goes_on_after_a_try_that_is_to_be_repeated(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        (one,) = await store.outbox.lease("ops", 10, 30)
        await store.outbox.settle(one.token, SettleAgain(NOW_US + 10_000_000), an_attempt(outcome="later"))
        assert await lease_names(store) == []
        await engine.clock.advance(10)
        assert await lease_names(store) == ["d1"]


async def test_a_run_of_a_line_is_leased_in_its_order_and_no_further_than_what_is_due(engine: Engine) -> None:
    async with engine.open() as store:
        later = a_delivery("d4", due_us=NOW_US + 60_000_000)
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("other", order_key="host-2"))
        await put_in(store, a_delivery("d3"), later, a_delivery("d5"))
        leased = await store.outbox.lease("ops", 10, 30, run=8)
        followed = {one.delivery.id: one.is_followed for one in leased}
        assert list(followed.items()) == [("d1", True), ("d2", True), ("d3", True), ("other", False)]
        assert await lease_names(store) == []


async def test_the_rest_of_a_run_given_back_waits_for_the_one_before(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"), a_delivery("d3"))
        first, second, third = await store.outbox.lease("ops", 1, 30, run=8)
        await store.outbox.settle(first.token, SettleAgain(NOW_US + 10_000_000), an_attempt(outcome="later"))
        await store.outbox.give_back([second.token, third.token])
        assert await lease_names(store) == []
        assert await store.outbox.next_due_us("ops") == NOW_US + 10_000_000
        await engine.clock.advance(10)
        names = [one.delivery.id for one in await store.outbox.lease("ops", 1, 30, run=8)]
        assert names == ["d1", "d2", "d3"]


async def test_a_run_that_nobody_settles_comes_again_marked_unclear(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2"))
        tokens = [one.token for one in await store.outbox.lease("ops", 1, 30, run=2)]
        await engine.clock.advance(31)
        again = await store.outbox.lease("ops", 1, 30, run=2)
        assert [(one.delivery.id, one.delivery.unclear) for one in again] == [("d1", True), ("d2", True)]
        for token in tokens:
            with pytest.raises(LeaseLost):
                await store.outbox.settle(token, SettleDelivered(), an_attempt())


async def test_settling_may_wait_for_company_and_is_in_when_it_returns(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{number}", order_key=f"k{number}") for number in range(5)))
        leased = await lease_all(store)
        settling = [store.outbox.settle(one.token, SettleDelivered(), None, within_s=0.005) for one in leased.values()]
        assert {one.state for one in await in_time(asyncio.gather(*settling))} == {"delivered"}
        assert [balance.state for balance in await store.outbox.balances()] == ["delivered"]


async def test_what_waits_for_company_goes_with_the_next_change(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        settling = asyncio.ensure_future(store.outbox.settle(leased["d1"].token, SettleDelivered(), None, 3_600.0))
        await engine.clock.sleep(0)
        await put_in(store, a_delivery("d2"))
        assert (await in_time(settling)).state == "delivered"


async def test_what_waits_for_company_is_in_before_the_store_is_closed(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        settling = asyncio.ensure_future(store.outbox.settle(leased["d1"].token, SettleDelivered(), None, 3_600.0))
        await engine.clock.sleep(0)
    assert (await in_time(settling)).state == "delivered"
