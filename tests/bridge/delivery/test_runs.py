"""Runs of one line: one post follows the other without another lease in between, and never overtakes it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.delivery.handover import Handover
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from broker.engines.memory.trouble import Trouble
from broker.model import Commit
from tests.bridge.delivery.test_courier import Desk, at_work, logs
from tests.fakes.deliveries import Scripted, a_new_delivery, put_in

__all__ = ["logs"]


def a_line(count: int) -> list[str]:
    return [f"d{n:02}" for n in range(count)]


async def slow(parcel: Parcel) -> Outcome:
    await asyncio.get_running_loop().create_future()
    return Delivered()


async def test_a_line_goes_out_in_runs_in_its_order() -> None:
    desk = Desk(Scripted())
    await put_in(desk.store, *a_line(40), order_key="one line")
    async with at_work(desk):
        await desk.passes()
        assert desk.destination.delivered == a_line(40)
        assert desk.destination.most_under_way == 1
        assert set((await desk.states()).values()) == {"delivered"}


async def test_the_next_of_a_run_waits_until_the_one_before_is_settled_so_that_one_at_most_comes_twice() -> None:
    desk = Desk(Scripted(), Trouble("outbox.settle", "unavailable", times=None))
    await put_in(desk.store, *a_line(40), order_key="one line")
    async with at_work(desk):
        await desk.passes()
        assert desk.destination.delivered == a_line(1)
        desk.store.gate.heal()
        await desk.passes(5.0)
        assert desk.destination.delivered == a_line(40)


@pytest.mark.parametrize("outcome", [Later("HTTP 503", after_s=5.0), Refused("HTTP 400"), Later("?", unclear=True)])
async def test_what_does_not_arrive_ends_the_run_and_nothing_overtakes_it(outcome: Outcome) -> None:
    desk = Desk(Scripted(Delivered(), Delivered(), outcome))
    await put_in(desk.store, *a_line(8), order_key="one line")
    async with at_work(desk):
        await desk.passes(0.5)
        if isinstance(outcome, Later):
            assert desk.destination.tried == a_line(3)
            assert (await desk.store.outbox.next_due_us("ops") or 0) > desk.clock.wall_us()
        await desk.passes(10.0)
        wanted = [name for name in a_line(8) if isinstance(outcome, Later) or name != "d02"]
        assert desk.destination.delivered == wanted


async def test_each_of_a_run_is_given_the_receipt_of_the_one_before() -> None:
    desk = Desk(Scripted(Delivered("post-1"), Delivered(), Delivered("post-3")))
    await put_in(desk.store, *a_line(4), order_key="one line")
    async with at_work(desk):
        await desk.passes()
        assert [parcel.earlier for parcel in desk.destination.parcels] == [None, "post-1", "post-1", "post-3"]


@pytest.mark.parametrize("config", [{"rate": "100/s"}, {"when_unclear": "dead"}])
async def test_where_a_rate_counts_or_twice_is_worse_each_is_leased_by_itself(config: dict[str, Any]) -> None:
    desk = Desk(Scripted(always=slow), **config)
    await put_in(desk.store, *a_line(3), order_key="one line")
    async with at_work(desk):
        await desk.passes(1.0)
        leased = [(await desk.find(name))[0].leased for name in a_line(3)]
        assert leased == [True, False, False]


async def test_a_stop_gives_the_rest_of_a_run_back_untried() -> None:
    desk = Desk(Scripted(Delivered(), slow))
    await put_in(desk.store, *a_line(5), order_key="one line")
    working = asyncio.create_task(desk.courier.run())
    await desk.passes(1.0)
    assert desk.destination.tried == a_line(2)
    stopping = asyncio.create_task(desk.courier.stop(2.0))
    await desk.passes(3.0)
    await asyncio.gather(stopping, working)
    found = [(await desk.find(name))[0] for name in a_line(5)]
    assert [(one.state, one.leased, one.unclear) for one in found] == [
        ("delivered", False, False),
        ("waiting", False, True),
        *[("waiting", False, False)] * 3,
    ]


async def test_a_run_keeps_its_slot_to_the_end_though_other_lines_wait_for_one() -> None:
    async def takes_a_moment(parcel: Parcel) -> Outcome:
        await desk.clock.sleep(0.01)
        return Delivered()

    desk = Desk(Scripted(always=takes_a_moment), concurrency=2)
    desk.store.gate.add(Trouble("outbox.give_back", "unavailable", times=None))
    for key in "abcde":
        await put_in(desk.store, *(f"{key}{n}" for n in range(5)), order_key=key)
    with capture_logs() as logged:
        async with at_work(desk):
            await desk.passes(1.0)
            assert set((await desk.states()).values()) == {"delivered"}
            assert desk.destination.most_under_way == 2
            assert sorted(desk.destination.delivered[:10]) == [f"{key}{n}" for key in "ab" for n in range(5)]
    assert [entry for entry in logged if entry["event"] == "leases end by themselves"] == []


async def test_a_run_that_takes_long_goes_on_under_a_new_lease() -> None:
    async def takes_four_seconds(parcel: Parcel) -> Outcome:
        await desk.clock.sleep(4.0)
        return Delivered()

    desk = Desk(Scripted(always=takes_four_seconds))
    await put_in(desk.store, *a_line(8), order_key="one line")
    async with at_work(desk):
        await desk.passes(60.0)
        assert desk.destination.tried == a_line(8)
        assert [(await desk.find(name))[0].unclear for name in a_line(8)] == [False] * 8


# --- Handed over by a commit ------------------------------------------------------------------------


async def hand_over(desk: Desk, *names: str, **changed: Any) -> Handover:
    """Commit deliveries as a router does."""
    kept = desk.courier.keep_room(len(names))
    handover = Handover([(desk.courier, kept)] if kept is not None else [])
    changed["due_us"] = desk.clock.wall_us()
    new = [a_new_delivery(name, **({"order_key": f"key of {name}"} | changed)) for name in names]
    try:
        await desk.store.commit(Commit(deliveries=new, leases=handover.requests), handover.take)
    finally:
        handover.end()
    return handover


async def test_a_courier_that_rests_is_handed_what_is_committed_and_leases_nothing_itself() -> None:
    async with at_work(Desk(Scripted())) as desk:
        desk.store.gate.add(Trouble("outbox.lease", "unavailable", times=None))
        for n in range(10):
            await hand_over(desk, f"d{n}")
            await desk.passes()
        assert desk.destination.delivered == [f"d{n}" for n in range(10)]
        assert set((await desk.states()).values()) == {"delivered"}


async def test_more_than_there_is_room_for_is_leased_as_room_comes() -> None:
    async with at_work(Desk(Scripted(), concurrency=2)) as desk:
        handover = await hand_over(desk, *a_line(7))
        assert [request.limit for request in handover.requests] == [2]
        await desk.passes()
        assert sorted(desk.destination.delivered) == a_line(7)


async def test_a_courier_at_work_keeps_no_room() -> None:
    async with at_work(Desk(Scripted(always=slow), concurrency=1)) as desk:
        await put_in(desk.store, "d1", "d2")
        await desk.passes()
        assert desk.courier.keep_room(1) is None


async def test_room_is_kept_once_and_given_back() -> None:
    async with at_work(Desk(Scripted(), concurrency=4)) as desk:
        first, second = desk.courier.keep_room(2), desk.courier.keep_room(2)
        assert first is not None
        assert second is not None
        assert (first.limit, second.limit) == (3, 1)
        assert desk.courier.keep_room(1) is None
        desk.courier.release(4)
        assert desk.courier.keep_room(9) is not None
        desk.courier.release(4)


async def test_while_the_breaker_is_open_nothing_is_handed_over() -> None:
    desk = Desk(Scripted(always=Later("HTTP 503")), breaker={"failures": 1})
    async with at_work(desk):
        await put_in(desk.store, "d1")
        await desk.passes(1.0)
        assert desk.courier.keep_room(1) is None


async def test_what_a_stopped_courier_is_handed_goes_back_untried() -> None:
    desk = Desk(Scripted())
    working = asyncio.create_task(desk.courier.run())
    await desk.passes()
    kept = desk.courier.keep_room(1)
    assert kept is not None
    await desk.courier.stop(1.0)
    await working
    handover = Handover([(desk.courier, kept)])
    commit = Commit(deliveries=[a_new_delivery("d1", due_us=desk.clock.wall_us())], leases=handover.requests)
    await desk.store.commit(commit, handover.take)
    await desk.passes()
    delivery, attempts = await desk.find("d1")
    assert (delivery.state, delivery.leased, delivery.unclear, attempts) == ("waiting", False, False, [])


async def test_a_run_is_handed_over_whole() -> None:
    async with at_work(Desk(Scripted())) as desk:
        desk.store.gate.add(Trouble("outbox.lease", "unavailable", times=None))
        await hand_over(desk, *a_line(12), order_key="one line")
        await desk.passes()
        assert desk.destination.delivered == a_line(12)
