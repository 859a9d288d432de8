"""Housekeeping of deliveries and producer keys."""

from __future__ import annotations

from broker.model import SettleDead, SettleDelivered, SweepPolicy
from tests.contracts.builders import NOW_US, TOPIC, a_delivery, an_attempt, lease_all, messages, put_in
from tests.contracts.engines import Engine

_DAY_US = 86_400 * 1_000_000


async def test_settled_deliveries_go_with_their_attempts_when_their_time_has_come(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{number}", order_key=f"k{number}") for number in range(3)))
        leased = await lease_all(store, lease_s=10**6)
        await store.outbox.settle(leased["d0"].token, SettleDelivered(), an_attempt())
        await engine.clock.advance(86_400)
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())
        swept = await store.sweep(SweepPolicy(NOW_US + _DAY_US, NOW_US + 1, 0))
        assert (swept.deliveries, swept.more) == (1, False)
        assert [await store.outbox.read(f"d{number}") is not None for number in range(3)] == [False, True, True]


async def test_waiting_deliveries_and_younger_dead_letters_stay(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("waiting"), a_delivery("dead", order_key="b"))
        leased = await lease_all(store, lease_s=10)
        await engine.clock.advance(5)
        await store.outbox.settle(leased["dead"].token, SettleDead("404"), an_attempt())
        assert (await store.sweep(SweepPolicy(NOW_US + _DAY_US, NOW_US + 5_000_000, 0))).deliveries == 0
        assert (await store.sweep(SweepPolicy(NOW_US + _DAY_US, NOW_US + _DAY_US, 0))).deliveries == 1
        assert await store.outbox.read("waiting") is not None


async def test_a_long_sweep_stops_at_its_limit(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, *(a_delivery(f"d{number}", order_key=f"k{number}") for number in range(30)))
        for one in (await lease_all(store)).values():
            await store.outbox.settle(one.token, SettleDelivered(), an_attempt())
        policy = SweepPolicy(NOW_US, NOW_US + 1, 0, limit=20)
        assert [((swept := await store.sweep(policy)).deliveries, swept.more) for _ in range(2)] == [
            (20, True),
            (10, False),
        ]


async def test_old_receipts_go(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="b"))
        leased = await lease_all(store, lease_s=1_000)
        await store.outbox.settle(leased["d1"].token, SettleDelivered("r1"), an_attempt())
        await engine.clock.advance(100)
        await store.outbox.settle(leased["d2"].token, SettleDelivered("r2"), an_attempt())
        await store.sweep(SweepPolicy(NOW_US, NOW_US + 50_000_000, 0))
        assert await store.outbox.receipt("ops", "host-1") is None
        assert await store.outbox.receipt("ops", "b") == "r2"


async def test_a_swept_producer_key_may_be_stored_again(engine: Engine) -> None:
    async with engine.open() as store:
        await store.log.append(TOPIC, messages(1), "old")
        await engine.clock.advance(10)
        await store.log.append(TOPIC, messages(1), "young")
        swept = await store.sweep(SweepPolicy(NOW_US, 0, NOW_US + 10_000_000))
        assert swept.producer_keys == 1
        assert not (await store.log.append(TOPIC, messages(1), "old")).repeated
        assert (await store.log.append(TOPIC, messages(1), "young")).repeated


async def test_sweeping_an_empty_store_removes_nothing(engine: Engine) -> None:
    async with engine.open() as store:
        swept = await store.sweep(SweepPolicy(NOW_US, NOW_US, NOW_US))
        assert (swept.deliveries, swept.decisions, swept.state_rows, swept.producer_keys, swept.more) == (
            0,
            0,
            0,
            0,
            False,
        )
