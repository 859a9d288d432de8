"""The books of deliveries: exact at every moment, and over the whole life of the store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from broker.errors import DuplicateDelivery
from broker.model import Balance, Commit, DeliveryQuery, SettleAgain, SettleDead, SettleDelivered, SweepPolicy
from broker.store import Store
from tests.contracts.builders import (
    NOW_US,
    OTHER_TOPIC,
    TOPIC,
    a_delivery,
    an_attempt,
    lease_all,
    put_in,
)
from tests.contracts.engines import Engine


def entry(state: str, deliveries: int, stands_for: int, by: str = "", destination: str = "ops") -> Balance:
    return Balance(TOPIC, destination, state, by, deliveries, stands_for)  # type: ignore[arg-type]


async def books(store: Store) -> Sequence[Balance]:
    """The books, which must be the same reckoned from the deliveries that are there."""
    kept = await store.outbox.balances()
    assert list(kept) == list(await store.outbox.balances(0))
    return list(kept)


async def test_an_empty_store_has_empty_books(engine: Engine) -> None:
    async with engine.open() as store:
        assert await books(store) == []


async def test_waiting_deliveries_are_counted_with_what_they_stand_for(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1", stands_for=1), a_delivery("d2", stands_for=0))
        await put_in(store, a_delivery("d3", stands_for=5), a_delivery("d4", destination="mail"))
        assert await books(store) == [entry("waiting", 1, 1, destination="mail"), entry("waiting", 3, 6)]


async def test_topics_have_books_of_their_own(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", topic_uid=OTHER_TOPIC))
        assert [balance.topic_uid for balance in await books(store)] == [TOPIC, OTHER_TOPIC]


async def test_every_end_has_its_entry(engine: Engine) -> None:
    async with engine.open() as store:
        names = ("delivered", "again", "dead", "silenced", "dropped", "folded", "cancelled", "replayed")
        await put_in(store, *(a_delivery(name, order_key=name) for name in names))
        leased = await lease_all(store)
        await store.outbox.settle(leased["delivered"].token, SettleDelivered("r"), an_attempt())
        await store.outbox.settle(leased["again"].token, SettleAgain(NOW_US), an_attempt())
        await store.outbox.settle(leased["dead"].token, SettleDead("404"), an_attempt())
        await store.outbox.settle(leased["replayed"].token, SettleDead("404"), an_attempt())
        tokens = [leased[name].token for name in ("folded", "cancelled")]
        digest = a_delivery("digest", order_key="(digest)", stands_for=0)
        await store.outbox.fold(tokens, [], digest, cancelled=["cancelled"])
        await store.outbox.give_back([leased["silenced"].token, leased["dropped"].token])
        await store.commit(Commit(withdraw={"silenced": "silence:1"}))
        await store.outbox.drop(["dropped"], "sam")
        await store.outbox.replay(["replayed"])
        assert await books(store) == [
            entry("cancelled", 1, 1),
            entry("dead", 1, 1, "404"),
            entry("delivered", 1, 1),
            entry("dropped", 1, 1, "sam"),
            entry("folded", 1, 1),
            entry("suppressed", 1, 1, "silence:1"),
            entry("waiting", 3, 2),
        ]


async def test_a_pusher_that_gave_up_leaves_a_dead_letter(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(dead=[a_delivery()]))
        assert await books(store) == [entry("dead", 1, 1, "gave up")]
        assert await store.outbox.lease("ops", 10, 30) == []
        assert await store.outbox.replay(["d1"]) == 1
        assert list(await lease_all(store)) == ["d1"]


async def test_moved_deliveries_move_in_the_books(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", stands_for=4), a_delivery("d3", destination="mail"))
        await store.outbox.move("ops", "mail")
        assert await books(store) == [entry("waiting", 3, 6, destination="mail")]


async def test_swept_deliveries_stay_in_the_books(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", order_key="b"))
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), an_attempt())
        await store.sweep(SweepPolicy(NOW_US, NOW_US + 1, 0))
        assert await store.outbox.read("d1") is None
        assert await store.outbox.balances() == [entry("delivered", 1, 1), entry("waiting", 1, 1)]
        assert await store.outbox.balances(0) == [entry("waiting", 1, 1)]


async def test_the_books_since_a_time_count_what_was_created_since(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"), a_delivery("d2", created_us=NOW_US + 5, stands_for=3))
        assert await store.outbox.balances(NOW_US + 5) == [entry("waiting", 1, 3)]
        assert await store.outbox.balances(NOW_US + 6) == []


async def test_a_commit_that_failed_left_nothing_in_the_books(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery("d1"))
        for failing in (Commit(deliveries=[a_delivery("d2"), a_delivery("d1")]), Commit(dead=[a_delivery("d1")])):
            with pytest.raises(DuplicateDelivery):
                await store.commit(failing)
        assert await books(store) == [entry("waiting", 1, 1)]


async def test_what_a_rule_in_shadow_would_have_sent_is_counted_as_such_and_never_tried(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1")], shadows=[a_delivery("d2", stands_for=3)]))
        assert await books(store) == [entry("shadow", 1, 3), entry("waiting", 1, 1)]
        assert set(await lease_all(store)) == {"d1"}
        assert (await store.outbox.replay(["d2"]), await store.outbox.drop(["d2"], "sam")) == (0, 0)
        await store.commit(Commit(withdraw={"d2": "silence:1"}))
        assert await books(store) == [entry("shadow", 1, 3), entry("waiting", 1, 1)]
        with pytest.raises(DuplicateDelivery):
            await store.commit(Commit(shadows=[a_delivery("d2")]))


async def test_shadows_are_swept_like_what_was_settled_when_they_were_decided(engine: Engine) -> None:
    async with engine.open() as store:
        await store.commit(Commit(shadows=[a_delivery("d1")]))
        await engine.clock.advance(10)
        await store.commit(Commit(shadows=[a_delivery("d2")]))
        before_us = NOW_US + 5_000_000
        swept = await store.sweep(SweepPolicy(before_us, deliveries_before_us=before_us, producer_keys_before_us=0))
        assert swept.deliveries == 1
        assert [one.id for one in await store.outbox.find(DeliveryQuery(state="shadow"))] == ["d2"]
        assert [balance.deliveries for balance in await store.outbox.balances()] == [2]
