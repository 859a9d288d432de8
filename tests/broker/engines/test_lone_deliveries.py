"""Deliveries that are leased by the commit that brings them, alone in their lines: in no index, and yet not lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines.sqlite import open_sqlite
from broker.errors import LeaseLost
from broker.model import (
    Commit,
    DeliveryQuery,
    Leased,
    LeaseRequest,
    NewDelivery,
    SettleAgain,
    SettleDelivered,
    WaitingCounts,
)
from broker.store import Store
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import NOW_US, TOPIC, a_delivery, an_attempt, lease_all, lease_names, put_in

_S = 1_000_000


async def commit_leasing(store: Store, *deliveries: NewDelivery, limit: int = 8, run: int = 1) -> Sequence[Leased]:
    """Commit deliveries, and what the commit leased."""
    taken: list[Leased] = []
    await store.commit(Commit(deliveries=deliveries, leases=[LeaseRequest("ops", limit, 30.0, run)]), taken.extend)
    return taken


def lone_in(path: Path) -> list[str]:
    """The ids of the deliveries that stand in the file as lone; what is told of them twice must agree."""
    with closing(sqlite3.connect(path)) as db:
        told = db.execute(
            "SELECT d.id FROM sums AS s JOIN deliveries AS d ON d.seq = s.value JOIN progress AS p ON p.seq = d.seq "
            "WHERE s.kind = 'lone' AND s.name = p.destination AND s.state = p.order_key AND s.stands_for = p.due_us "
            "ORDER BY d.seq"
        ).fetchall()
        marked = db.execute(
            "SELECT d.id FROM progress AS p JOIN deliveries AS d ON d.seq = p.seq WHERE p.head = 2 ORDER BY d.seq"
        ).fetchall()
    assert told == marked
    return [delivery_id for (delivery_id,) in marked]


async def test_one_that_is_alone_is_leased_as_it_comes_in(path: Path, opened: Opening) -> None:
    async with opened() as store:
        (leased,) = await commit_leasing(store, a_delivery())
        assert (leased.delivery.leased, leased.delivery.due_us, leased.is_followed) == (True, NOW_US + 30 * _S, False)
        assert lone_in(path) == ["d1"]
        assert await lease_names(store) == []
        read = await store.outbox.read("d1")
        assert read is not None
        assert read[0] == leased.delivery
        settled = await store.outbox.settle(leased.token, SettleDelivered("r1"), an_attempt())
        assert settled.state == "delivered"
        assert lone_in(path) == []
        (later,) = await commit_leasing(store, a_delivery("d2"))
        assert later.earlier == "r1"


async def test_the_next_of_its_line_stands_behind_it(path: Path, opened: Opening) -> None:
    async with opened() as store:
        (first,) = await commit_leasing(store, a_delivery("d1"))
        assert await commit_leasing(store, a_delivery("d2")) == []
        assert lone_in(path) == []
        assert await lease_names(store) == []
        await store.outbox.settle(first.token, SettleDelivered(), an_attempt())
        assert await lease_names(store) == ["d2"]


async def test_those_of_one_line_in_one_commit_go_as_a_run(path: Path, opened: Opening) -> None:
    async with opened() as store:
        leased = await commit_leasing(store, a_delivery("d1"), a_delivery("d2"), limit=1, run=2)
        assert [(one.delivery.id, one.is_followed) for one in leased] == [("d1", True), ("d2", False)]
        assert lone_in(path) == []


async def test_where_there_is_room_for_some_the_most_urgent_go_first(path: Path, opened: Opening) -> None:
    brought = [a_delivery(f"d{n}", order_key=f"k{n}", priority=n % 3) for n in range(6)]
    async with opened() as store:
        leased = await commit_leasing(store, *brought, limit=3)
        assert [one.delivery.id for one in leased] == ["d2", "d5", "d1"]
        assert await lease_names(store) == ["d4", "d0", "d3"]


async def test_what_was_due_before_goes_first(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, a_delivery("old", order_key="k0"))
        leased = await commit_leasing(store, a_delivery("new", order_key="k1"), limit=1)
        assert [one.delivery.id for one in leased] == ["old"]
        assert lone_in(path) == []
        assert await lease_names(store) == ["new"]


async def test_what_is_due_later_is_not_leased(path: Path, opened: Opening) -> None:
    async with opened() as store:
        later = a_delivery("later", order_key="k1", due_us=NOW_US + 1)
        leased = await commit_leasing(store, a_delivery("now"), later)
        assert [one.delivery.id for one in leased] == ["now"]
        assert lone_in(path) == ["now"]
        assert await store.outbox.next_due_us("ops") == NOW_US + 1


async def test_a_lease_that_ends_lets_it_be_leased_again(path: Path, opened: Opening, clock: ManualClock) -> None:
    async with opened() as store:
        (first,) = await commit_leasing(store, a_delivery())
        assert await store.outbox.next_due_us("ops") == NOW_US + 30 * _S
        assert await store.outbox.measure_waiting("ops", 10) == WaitingCounts(0, NOW_US)
        await clock.advance(30)
        assert await store.outbox.measure_waiting("ops", 10) == WaitingCounts(1, NOW_US)
        again = (await lease_all(store))["d1"]
        assert (again.delivery.unclear, again.token != first.token) == (True, True)
        assert lone_in(path) == []
        with pytest.raises(LeaseLost):
            await store.outbox.settle(first.token, SettleDelivered(), an_attempt())


async def test_one_whose_lease_ended_is_leased_in_its_turn_by_the_next_commit(
    path: Path, opened: Opening, clock: ManualClock
) -> None:
    async with opened() as store:
        await commit_leasing(store, a_delivery("d1"))
        await clock.advance(30)
        leased = await commit_leasing(store, a_delivery("d2", order_key="k2"), limit=2)
        assert [(one.delivery.id, one.delivery.unclear) for one in leased] == [("d2", False), ("d1", True)]


async def test_one_that_is_to_be_tried_again_waits_as_others_do(path: Path, opened: Opening) -> None:
    async with opened() as store:
        (leased,) = await commit_leasing(store, a_delivery())
        await store.outbox.settle(leased.token, SettleAgain(NOW_US), an_attempt(outcome="later", reason="busy"))
        assert lone_in(path) == []
        assert await lease_names(store) == ["d1"]


async def test_one_that_is_given_back_is_due_at_once(path: Path, opened: Opening) -> None:
    async with opened() as store:
        (leased,) = await commit_leasing(store, a_delivery())
        await store.outbox.give_back([leased.token, "nonsense"])
        assert lone_in(path) == []
        assert not (await lease_all(store))["d1"].delivery.unclear


async def test_after_a_stop_in_between_it_may_have_arrived(
    tmp_path: Path, path: Path, opened: Opening, clock: ManualClock
) -> None:
    async with opened() as store:
        await commit_leasing(store, a_delivery())
        with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(tmp_path / "crashed.db")) as copy:
            db.backup(copy)
    left = await open_sqlite(tmp_path / "crashed.db", clock)
    assert lone_in(tmp_path / "crashed.db") == []
    assert (await lease_all(left))["d1"].delivery.unclear
    await left.close()


async def test_it_is_found_with_what_waits(opened: Opening) -> None:
    async with opened() as store:
        await commit_leasing(store, a_delivery("d1"), a_delivery("d3", order_key="z"))
        await put_in(store, a_delivery("d2", order_key="k"))
        backlog = await store.outbox.backlog("ops", None, 10)
        assert [one.id for one in backlog.deliveries] == ["d1", "d2", "d3"]
        line = DeliveryQuery(state="waiting", destination="ops", order_key="host-1")
        assert [one.id for one in await store.outbox.find(line)] == ["d1"]


async def test_it_moves_to_another_destination_with_its_line(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await commit_leasing(store, a_delivery("d1"))
        await put_in(store, a_delivery("d0", destination="chat"))
        assert await store.outbox.move("chat", "ops") == 1
        assert lone_in(path) == []
        assert await lease_names(store) == []
        assert await store.outbox.move("ops", "other") == 2
        waiting = DeliveryQuery(state="waiting", destination="other", order_key="host-1")
        assert [one.id for one in await store.outbox.find(waiting)] == ["d0", "d1"]


async def test_it_can_be_folded_by_who_holds_it(path: Path, opened: Opening) -> None:
    digest = a_delivery("digest", origin="digest/1", offset=-1, stands_for=1)
    async with opened() as store:
        (leased,) = await commit_leasing(store, a_delivery("d1"))
        await store.outbox.fold([leased.token], [], digest)
        assert lone_in(path) == []
        assert await lease_names(store) == ["digest"]


async def test_a_duplicate_in_a_group_leaves_the_others_as_they_are(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await commit_leasing(store, a_delivery("d1"))
        twice = replace(a_delivery("d2", order_key="k2"), id="d1")
        with pytest.raises(Exception, match="d2"):
            await commit_leasing(store, twice)
        assert lone_in(path) == ["d1"]
        assert len(await commit_leasing(store, a_delivery("d3", order_key="k3"))) == 1
        assert lone_in(path) == ["d1", "d3"]


async def test_what_a_message_led_to_is_found_by_its_origin_and_without(opened: Opening) -> None:
    async with opened() as store:
        await put_in(
            store,
            a_delivery("of-it", origin=f"m/{TOPIC}/7/0", offset=7, order_key="a"),
            a_delivery("of-another", origin=f"m/{TOPIC}/70/0", offset=70, order_key="b"),
            a_delivery("replayed", origin="r/x/0", offset=7, order_key="c"),
            a_delivery("elsewhere", origin=f"m/{TOPIC}/7/1", offset=8, order_key="d"),
        )
        about = await store.outbox.find(DeliveryQuery(topic_uid=TOPIC, offset=7))
        assert {one.id for one in about} == {"of-it", "replayed"}
        about = await store.outbox.find(DeliveryQuery(topic_uid=TOPIC, offset=8))
        assert {one.id for one in about} == {"elsewhere"}


async def test_the_books_since_a_time_count_all_that_came_since(opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, *(a_delivery(f"d{n}", order_key=f"k{n}", created_us=NOW_US + n) for n in range(300)))
        for since in (0, 63, 64, 65, 127, 128, 200, 299, 300):
            counted = sum(one.deliveries for one in await store.outbox.balances(NOW_US + since))
            assert counted == 300 - since
