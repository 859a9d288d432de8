"""Finding deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from broker.model import DeliveryQuery, SettleDead
from broker.store import Store
from tests.contracts.builders import NOW_US, OTHER_TOPIC, a_delivery, an_attempt, lease_all, put_in
from tests.contracts.engines import Engine


async def _some(store: Store) -> None:
    await put_in(
        store,
        a_delivery("d1", offset=1),
        a_delivery("d2", offset=1, destination="mail", incident="i"),
        a_delivery("d3", offset=2, rule="other", order_key="host-2"),
        a_delivery("d4", offset=2, topic_uid=OTHER_TOPIC, created_us=NOW_US + 9),
        a_delivery("d5", offset=3, order_key="host-3"),
        a_delivery("d6", offset=3, destination="mail", order_key="host-3", incident="i"),
    )
    for destination in ("ops", "mail"):
        leased = await lease_all(store, destination)
        for name, one in leased.items():
            if name in ("d5", "d6"):
                await store.outbox.settle(one.token, SettleDead("404"), an_attempt())
        await store.outbox.give_back([one.token for one in leased.values()])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["d6", "d5", "d4", "d3", "d2", "d1"]),
        ({"limit": 2}, ["d6", "d5"]),
        ({"limit": 0}, []),
        ({"before_seq": 3}, ["d2", "d1"]),
        ({"state": "dead"}, ["d6", "d5"]),
        ({"id_prefix": "d"}, ["d6", "d5", "d4", "d3", "d2", "d1"]),
        ({"id_prefix": "d4"}, ["d4"]),
        ({"id_prefix": "d", "state": "dead", "limit": 1}, ["d6"]),
        ({"id_prefix": "e"}, []),
        ({"state": "dead", "destination": "mail"}, ["d6"]),
        ({"state": "dead", "before_seq": 6}, ["d5"]),
        ({"state": "waiting"}, ["d4", "d3", "d2", "d1"]),
        ({"destination": "mail"}, ["d6", "d2"]),
        ({"rule": "other"}, ["d3"]),
        ({"topic_uid": OTHER_TOPIC}, ["d4"]),
        ({"topic_uid": a_delivery().topic_uid, "offset": 1}, ["d2", "d1"]),
        ({"topic_uid": a_delivery().topic_uid, "offset": 3, "state": "dead", "destination": "ops"}, ["d5"]),
        ({"offset": 2}, ["d4", "d3"]),
        ({"order_key": "host-1"}, ["d4", "d2", "d1"]),
        ({"state": "waiting", "destination": "ops", "order_key": "host-1"}, ["d4", "d1"]),
        ({"state": "waiting", "destination": "ops", "order_key": "host-3"}, []),
        ({"incident": "i"}, ["d6", "d2"]),
        ({"incident": "i", "destination": "mail", "before_seq": 6}, ["d2"]),
        ({"incident": ""}, ["d5", "d4", "d3", "d1"]),
        ({"since_us": NOW_US + 1}, ["d4"]),
        ({"until_us": NOW_US + 1}, ["d6", "d5", "d3", "d2", "d1"]),
        ({"since_us": NOW_US, "until_us": NOW_US + 1, "before_seq": 5, "limit": 2}, ["d3", "d2"]),
        ({"since_us": NOW_US + 1, "until_us": NOW_US + 9}, []),
        ({"since_us": NOW_US + 1, "until_us": NOW_US + 10, "destination": "ops"}, ["d4"]),
        ({"since_us": NOW_US, "state": "dead"}, ["d6", "d5"]),
        ({"until_us": NOW_US, "state": "dead"}, []),
        ({"since_us": NOW_US, "rule": "other"}, ["d3"]),
        ({"since_us": NOW_US, "id_prefix": "d4"}, ["d4"]),
        ({"until_us": NOW_US + 9, "topic_uid": OTHER_TOPIC, "offset": 2}, []),
        ({"key": "host-1"}, ["d6", "d5", "d4", "d3", "d2", "d1"]),
        ({"key": "host-1", "incident": "i"}, ["d6", "d2"]),
        ({"key": "none"}, []),
        ({"state": "delivered"}, []),
    ],
)
async def test_deliveries_that_fit_are_found_newest_first(engine: Engine, query: Any, names: list[str]) -> None:
    async with engine.open() as store:
        await _some(store)
        assert [found.id for found in await store.outbox.find(DeliveryQuery(**query))] == names


async def test_a_found_delivery_is_whole(engine: Engine) -> None:
    async with engine.open() as store:
        await put_in(store, a_delivery())
        (found,) = await store.outbox.find(DeliveryQuery())
        assert await store.outbox.read("d1") == (found, [])
        assert found.new == a_delivery()
