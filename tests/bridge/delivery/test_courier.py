"""The courier: what is tried when, in which order, and how each try is settled."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from structlog.testing import capture_logs

from bridge.delivery.attempts import AttemptResult
from bridge.delivery.courier import Courier
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.errors import StoreUnavailable
from broker.model import Attempt, Delivery, DeliveryQuery, SettleDead
from tests.fakes.deliveries import HOUR_S, Scripted, a_config, put_in, seeded

DOWN = Later("HTTP 503")
UNCLEAR = Later("no answer", unclear=True)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


def attempt() -> Attempt:
    return Attempt(0, 0, "refused", "HTTP 400", counted=True)


class Desk:
    """A courier at work on a store in memory, on a clock that the test moves."""

    def __init__(self, destination: Scripted, *troubles: Trouble, name: str = "ops", **config: Any) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock, *troubles)
        self.destination = destination
        self.config = a_config(**config)
        self.name = name
        self.told: list[AttemptResult] = []
        self.courier = self.another_courier()

    def another_courier(self) -> Courier:
        return Courier(
            self.name, self.destination, self.config, self.store.outbox, self.clock, seeded(), self.told.append
        )

    async def passes(self, seconds: float = 0.0) -> None:
        await self.clock.advance(seconds, turns=200)

    async def find(self, name: str) -> tuple[Delivery, Sequence[Attempt]]:
        found = await self.store.outbox.read(name)
        assert found is not None
        return found

    async def states(self) -> dict[str, str]:
        found = await self.store.outbox.find(DeliveryQuery(limit=10_000))
        return {one.id: one.state for one in reversed(found)}


AnyDesk = TypeVar("AnyDesk", bound=Desk)


@asynccontextmanager
async def at_work(desk: AnyDesk) -> AsyncIterator[AnyDesk]:
    """The courier works, begun again when the store failed it, as its keeper does."""

    async def keep() -> None:
        while True:
            try:
                await desk.courier.run()
            except StoreUnavailable:
                await desk.clock.sleep(1.0)
            else:
                return

    keeper = asyncio.create_task(keep())
    try:
        await desk.passes()
        yield desk
    finally:
        desk.store.gate.heal()
        stopping = asyncio.create_task(desk.courier.stop(5.0))
        await desk.passes(30.0)
        await stopping
        await keeper


async def test_what_is_due_is_delivered_and_settled() -> None:
    async with at_work(Desk(Scripted())) as desk:
        await put_in(desk.store, "d1", "d2", "d3")
        await desk.passes()
        assert desk.destination.delivered == ["d1", "d2", "d3"]
        assert set((await desk.states()).values()) == {"delivered"}
        assert await desk.store.outbox.next_due_us("ops") is None


async def test_other_destinations_are_left_alone() -> None:
    async with at_work(Desk(Scripted())) as desk:
        await put_in(desk.store, "d1", destination="mail")
        await desk.passes(60.0)
        assert desk.destination.tried == []


async def test_a_destination_is_given_what_was_decided() -> None:
    async with at_work(Desk(Scripted(Delivered("post-1")))) as desk:
        await put_in(desk.store, "d1", order_key="host-1", key="k", incident="i", part=1, parts=2)
        await put_in(desk.store, "d2", order_key="host-1", phase="resolved")
        await desk.passes()
        first, second = desk.destination.parcels
        assert (first.id, first.post.text, first.phase, first.order_key) == ("d1", "disk full", "firing", "host-1")
        assert (first.rule, first.key, first.incident, first.topic) == ("disks", "k", "i", "topic")
        assert (first.part, first.parts, first.form, first.earlier) == (1, 2, "", None)
        assert (first.maybe_there, first.attempt) == (False, 1)
        assert (second.phase, second.earlier) == ("resolved", "post-1")


async def test_what_is_due_later_is_tried_at_its_time() -> None:
    async with at_work(Desk(Scripted())) as desk:
        await put_in(desk.store, "d1", due_us=desk.clock.wall_us() + 90_000_000)
        await desk.passes(89.9)
        assert desk.destination.tried == []
        await desk.passes(0.2)
        assert desk.destination.tried == ["d1"]


async def test_deliveries_of_one_key_go_one_after_the_other_in_their_order() -> None:
    together: list[int] = []

    async def slow(parcel: Parcel) -> Outcome:
        together.append(desk.destination.under_way)
        await desk.clock.sleep(1.0)
        return Delivered()

    async with at_work(Desk(Scripted(always=slow), concurrency=8)) as desk:
        await put_in(desk.store, *(f"d{n}" for n in range(5)), order_key="host-1")
        await desk.passes(10.0)
        assert desk.destination.delivered == ["d0", "d1", "d2", "d3", "d4"]
        assert together == [1] * 5


async def test_a_waiting_retry_holds_back_only_its_own_key() -> None:
    async with at_work(Desk(Scripted(Later("busy", after_s=60.0)))) as desk:
        await put_in(desk.store, "a1", "a2", order_key="a")
        await put_in(desk.store, "b1", "b2", order_key="b")
        await desk.passes()
        assert desk.destination.tried == ["a1", "b1", "b2"]
        await desk.passes(59.9)
        assert desk.destination.tried == ["a1", "b1", "b2"]
        await desk.passes(0.2)
        assert desk.destination.tried == ["a1", "b1", "b2", "a1", "a2"]


async def test_a_dead_letter_frees_its_key() -> None:
    async with at_work(Desk(Scripted(Refused("HTTP 400")))) as desk:
        await put_in(desk.store, "d1", "d2", order_key="a")
        await desk.passes()
        assert await desk.states() == {"d1": "dead", "d2": "delivered"}


async def test_urgent_keys_go_first_within_one_lease() -> None:
    async with at_work(Desk(Scripted(), concurrency=2)) as desk:
        await desk.courier.stop(0.0)
        await put_in(desk.store, "low", priority=0)
        await put_in(desk.store, "urgent", priority=3)
        desk.courier = desk.another_courier()
        working = asyncio.create_task(desk.courier.run())
        await desk.passes()
        assert desk.destination.tried == ["urgent", "low"]
        await desk.courier.stop(1.0)
        await working


async def test_no_more_tries_at_the_same_time_than_allowed() -> None:
    async def slow(parcel: Parcel) -> Outcome:
        await desk.clock.sleep(1.0)
        return Delivered()

    async with at_work(Desk(Scripted(always=slow), concurrency=3)) as desk:
        await put_in(desk.store, *(f"d{n}" for n in range(10)))
        await desk.passes(0.5)
        assert len(desk.destination.tried) == desk.courier.under_way == 3
        await desk.passes(4.0)
        assert desk.destination.most_under_way == 3
        assert len(desk.destination.delivered) == 10


async def test_a_try_that_waits_to_be_settled_makes_room_for_others_but_not_without_bound() -> None:
    desk = Desk(Scripted(), Trouble("outbox.settle", "unavailable", times=None), concurrency=2)
    async with at_work(desk):
        await put_in(desk.store, *(f"d{n}" for n in range(50)))
        await desk.passes(1.0)
        assert len(desk.destination.tried) == 10
        desk.store.gate.heal()
        await desk.passes(10.0)
        assert desk.destination.tried == [f"d{n}" for n in range(50)]


# --- Pace ------------------------------------------------------------------------------------------


async def test_one_a_second_after_a_burst_of_ten() -> None:
    async with at_work(Desk(Scripted(), rate="1/s", burst=10, concurrency=32)) as desk:
        await put_in(desk.store, *(f"d{n}" for n in range(20)))
        counts = []
        for _ in range(10):
            await desk.passes(0.5)
            counts.append(len(desk.destination.tried))
        assert counts == [10, 11, 11, 12, 12, 13, 13, 14, 14, 15]


@pytest.mark.parametrize("rate", ["1/s", "3/s", "7/1m", "13/s", "1000/s", "20/1m"])
async def test_it_never_sleeps_over_work_that_the_pace_lets_go(rate: str) -> None:
    async with at_work(Desk(Scripted(), rate=rate, burst=1, concurrency=64)) as desk:
        per_s = desk.config.rate.count / desk.config.rate.per_s
        await put_in(desk.store, *(f"d{n}" for n in range(30)))
        await desk.passes(29 / per_s + 0.1)
        assert len(desk.destination.delivered) == 30


async def test_too_fast_blocks_slows_and_recovers_and_uses_up_no_attempt() -> None:
    too_fast = Later("HTTP 429", after_s=5.0, throttled=True)
    async with at_work(Desk(Scripted(Delivered(), too_fast), rate="2/s", burst=1, concurrency=4)) as desk:
        await put_in(desk.store, *(f"d{n}" for n in range(40)))
        await desk.passes(0.6)
        assert len(desk.destination.tried) == 2
        await desk.passes(4.8)
        assert len(desk.destination.tried) == 2
        assert desk.courier.rate_limiter.factor == 0.5
        await desk.passes(4.0)
        slowly = len(desk.destination.tried)
        assert 5 <= slowly <= 7
        await desk.passes(30.0)
        assert desk.courier.rate_limiter.factor == 1.0
        assert len(desk.destination.delivered) == 40
        throttled, attempts = await desk.find("d1")
        assert (throttled.attempts, throttled.tries) == (0, 2)
        assert [(one.outcome, one.counted) for one in attempts] == [("later", False), ("delivered", False)]


async def test_one_retry_after_does_not_block_a_destination_for_longer_than_the_longest_pause() -> None:
    much_later = Later("HTTP 429", after_s=86_400.0, throttled=True)
    async with at_work(Desk(Scripted(much_later), retry={"max": 60.0})) as desk:
        await put_in(desk.store, "d1", "d2", order_key="a")
        await desk.passes(61.0)
        assert desk.destination.delivered == ["d1", "d2"]


# --- Breaker ---------------------------------------------------------------------------------------


async def test_while_the_breaker_is_open_one_probe_at_a_time_goes_out_with_growing_pauses() -> None:
    tried_at: list[float] = []

    async def down(parcel: Parcel) -> Outcome:
        tried_at.append(desk.clock.monotonic())
        await desk.clock.sleep(0.25)
        return DOWN

    breaker = {"failures": 5, "probe_every": 30.0}
    async with at_work(Desk(Scripted(always=down), concurrency=4, breaker=breaker)) as desk:
        await put_in(desk.store, *(f"d{n}" for n in range(100)))
        await desk.passes(1_000.0)
        assert desk.courier.breaker.state == "open"
        expected = [0.0] * 4 + [0.25] * 4 + [30.5, 90.75, 211.0, 451.25, 931.5]
        assert tried_at == pytest.approx(expected, abs=0.05)
        desk.destination.always = Delivered()
        await desk.passes(1_000.0)
        assert desk.courier.breaker.state == "closed"
        assert len(desk.destination.delivered) == 100


@pytest.mark.parametrize("failure", [DOWN, UNCLEAR])
async def test_one_that_always_fails_does_not_keep_the_probe_from_the_others(failure: Outcome) -> None:
    def only_others(parcel: Parcel) -> Outcome:
        return failure if parcel.id.startswith("bad") else Delivered()

    config: dict[str, Any] = {"breaker": {"failures": 1, "probe_every": 30.0}, "retry": {"base": 0.1, "max": 1.0}}
    async with at_work(Desk(Scripted(always=only_others), concurrency=1, **config)) as desk:
        await put_in(desk.store, "bad1", "bad2", priority=9)
        await put_in(desk.store, "d1", "d2", priority=1)
        await desk.passes(600.0)
        assert {"d1", "d2"} <= set(desk.destination.delivered)


async def test_a_fault_of_the_settings_opens_the_breaker_at_once_and_uses_up_no_attempt(logs: list[Any]) -> None:
    wrong = Later("cannot be sent; look at the settings: no such port", misconfigured=True)
    async with at_work(Desk(Scripted(always=wrong), retry={"attempts": 1}, breaker={"failures": 5})) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(600.0)
        assert desk.courier.breaker.state == "open"
        assert len(desk.destination.tried) > 1
        delivery, attempts = await desk.find("d1")
        assert (delivery.attempts, delivery.unclear) == (0, False)
        assert not any(each.counted for each in attempts)
        desk.destination.always = Delivered()
        await desk.passes(1_200.0)
        assert desk.destination.delivered == ["d1"]
    assert any("no such port" in str(entry.get("reason")) for entry in logs)


async def test_what_was_leased_while_the_breaker_opened_is_given_back_untried() -> None:
    async with at_work(Desk(Scripted(always=DOWN), concurrency=4, breaker={"failures": 1})) as desk:
        await put_in(desk.store, *(f"d{n}" for n in range(8)))
        await desk.passes(20.0)
        tries = len(desk.destination.tried)
        assert tries <= 4
        untried = [one for one in await desk.store.outbox.find(DeliveryQuery()) if not one.tries]
        assert len(untried) == 8 - tries
        assert not any(one.leased or one.unclear for one in untried)


async def test_a_bug_of_the_destination_is_no_failure_of_the_service() -> None:
    async with at_work(Desk(Scripted(always=RuntimeError("oops")), breaker={"failures": 1})) as desk:
        await put_in(desk.store, "d1")
        await desk.passes()
        assert desk.courier.breaker.state == "closed"


# --- What becomes of a try -------------------------------------------------------------------------


async def test_a_failure_of_the_destination_is_tried_again_and_uses_up_nothing() -> None:
    async with at_work(Desk(Scripted(DOWN, DOWN), retry={"attempts": 1})) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(10.0)
        delivery, attempts = await desk.find("d1")
        assert (delivery.state, delivery.attempts, delivery.tries) == ("delivered", 0, 3)
        assert [one.outcome for one in attempts] == ["later", "later", "delivered"]
        assert [parcel.attempt for parcel in desk.destination.parcels] == [1, 2, 3]


async def test_an_unclear_try_uses_up_an_attempt_and_the_next_one_knows_of_it() -> None:
    async with at_work(Desk(Scripted(UNCLEAR))) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(10.0)
        delivery, attempts = await desk.find("d1")
        assert (delivery.state, delivery.attempts) == ("delivered", 1)
        assert [one.unclear for one in attempts] == [True, False]
        assert [parcel.maybe_there for parcel in desk.destination.parcels] == [False, True]


async def test_where_twice_is_worse_an_unclear_try_is_the_last() -> None:
    async with at_work(Desk(Scripted(UNCLEAR), when_unclear="dead")) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(HOUR_S)
        delivery, _ = await desk.find("d1")
        assert (delivery.state, delivery.by) == ("dead", "may have arrived, and is not sent twice: no answer")
        assert desk.destination.tried == ["d1"]


async def test_a_plainer_form_is_tried_once_and_at_once() -> None:
    def answer(parcel: Parcel) -> Outcome:
        return Refused("too large", plainer="cut") if parcel.id == "d1" or not parcel.form else Delivered()

    async with at_work(Desk(Scripted(always=answer))) as desk:
        await put_in(desk.store, "d1", "d2", order_key="a")
        await desk.passes()
        forms = [(parcel.id, parcel.form) for parcel in desk.destination.parcels]
        assert forms == [("d1", ""), ("d1", "cut"), ("d2", ""), ("d2", "cut")]
        assert await desk.states() == {"d1": "dead", "d2": "delivered"}
        _, attempts = await desk.find("d2")
        assert [(one.form, one.outcome) for one in attempts] == [("", "refused"), ("cut", "delivered")]


@pytest.mark.parametrize("bug", [RuntimeError("oops"), asyncio.CancelledError()])
async def test_what_a_destination_raises_is_told_by_name_and_counts_against_the_message(
    bug: BaseException, logs: list[Any]
) -> None:
    def broken(parcel: Parcel) -> Outcome:
        raise bug

    async with at_work(Desk(Scripted(always=broken), retry={"attempts": 3})) as desk:
        await put_in(desk.store, "d1", "d2", order_key="a")
        await desk.passes(HOUR_S)
        assert {entry["event"] for entry in logs} == {"a destination raised"}
        delivery, attempts = await desk.find("d1")
        assert delivery.by == f"3 attempts used up: a bug in this destination: {type(bug).__name__}"
        assert len(attempts) == 3
        assert await desk.states() == {"d1": "dead", "d2": "dead"}


async def test_an_answer_that_is_no_outcome_is_a_bug_too() -> None:
    async with at_work(Desk(Scripted(always=lambda parcel: None), retry={"attempts": 1})) as desk:  # type: ignore[arg-type, return-value]
        await put_in(desk.store, "d1")
        await desk.passes()
        delivery, _ = await desk.find("d1")
        assert delivery.by == "1 attempts used up: a bug in this destination: TypeError"


async def test_a_destination_that_never_answers_is_cut_off_and_that_is_unclear() -> None:
    async def never(parcel: Parcel) -> Outcome:
        await asyncio.get_running_loop().create_future()
        return Delivered()

    async with at_work(Desk(Scripted(never), timeout=10.0)) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(11.9)
        assert desk.courier.under_way == 1
        await desk.passes(5.0)
        delivery, attempts = await desk.find("d1")
        assert (delivery.state, attempts[0].reason, attempts[0].unclear) == (
            "delivered",
            "no answer within 10 s",
            True,
        )


async def test_a_post_that_cannot_be_read_is_a_dead_letter_and_holds_up_nobody() -> None:
    async with at_work(Desk(Scripted())) as desk:
        await put_in(desk.store, "d1", order_key="a", post=b"not json")
        await put_in(desk.store, "d2", order_key="a")
        await desk.passes()
        assert await desk.states() == {"d1": "dead", "d2": "delivered"}
        assert desk.destination.tried == ["d2"]


async def test_each_try_is_told_once() -> None:
    async with at_work(Desk(Scripted(DOWN))) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(2.0)
        assert [(tried.destination, tried.delivery.id, tried.outcome) for tried in desk.told] == [
            ("ops", "d1", DOWN),
            ("ops", "d1", Delivered()),
        ]


# --- An outage -------------------------------------------------------------------------------------


async def test_a_dead_destination_for_an_hour_and_back_loses_nothing_and_disturbs_nobody() -> None:
    def down_for_an_hour(parcel: Parcel) -> Outcome:
        return Delivered() if desk.clock.monotonic() >= HOUR_S else DOWN

    desk = Desk(Scripted(always=down_for_an_hour), breaker={"failures": 5, "probe_every": 30.0}, concurrency=4)
    mail = Desk(Scripted(), name="mail")
    mail.clock, mail.store = desk.clock, desk.store
    mail.courier = mail.another_courier()
    async with at_work(desk), at_work(mail):
        for n in range(10):
            for destination in ("ops", "mail"):
                for host in range(20):
                    name = f"{destination}-{host}-{n}"
                    await put_in(desk.store, name, destination=destination, order_key=f"host-{host}")
        await desk.passes(1.0)
        assert len(mail.destination.delivered) == 200
        await desk.passes(HOUR_S)
        # A lease of two and one of four, then probes after 30, 60, 120, 240, 480 and from then on 600 seconds.
        assert len(desk.destination.tried) == 6 + 9
        await desk.passes(HOUR_S)
        assert len(desk.destination.tried) == 6 + 9 + 200
        assert set((await desk.states()).values()) == {"delivered"}
        for host in range(20):
            mine = [name for name in desk.destination.delivered if name.startswith(f"ops-{host}-")]
            assert mine == [f"ops-{host}-{n}" for n in range(10)]


async def test_without_a_breaker_each_delivery_is_tried_as_often_as_its_schedule_says() -> None:
    def down_for_an_hour(parcel: Parcel) -> Outcome:
        return Delivered() if desk.clock.monotonic() >= HOUR_S else DOWN

    desk = Desk(Scripted(always=down_for_an_hour), breaker={"failures": 10**9}, concurrency=32)
    async with at_work(desk):
        names = [f"d{n}" for n in range(30)]
        await put_in(desk.store, *names)
        await desk.passes(HOUR_S + 601.0)
        for name in names:
            delivery, attempts = await desk.find(name)
            assert (delivery.state, delivery.attempts) == ("delivered", 0)
            starts = [one.at_us for one in attempts]
            pauses_s = [(later - start) / 1e6 for start, later in itertools.pairwise(starts)]
            assert all(0.0 <= pause_s <= min(2.0**n, 600.0) + 0.01 for n, pause_s in enumerate(pauses_s))
            assert attempts[-2].at_us < desk.clock.wall_us() - 601_000_000 <= attempts[-1].at_us
        assert len(desk.destination.tried) == sum([(await desk.find(name))[0].tries for name in names])


async def test_time_alone_ends_a_delivery_that_a_dead_destination_never_takes() -> None:
    retry = {"give_up_after": 2 * HOUR_S}
    async with at_work(Desk(Scripted(always=DOWN), retry=retry, breaker={"failures": 10**9})) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(3 * HOUR_S)
        delivery, attempts = await desk.find("d1")
        assert delivery.state == "dead"
        assert delivery.by == f"given up after {len(attempts)} tries: HTTP 503"
        assert attempts[-1].at_us - attempts[0].at_us >= 2 * HOUR_S * 1e6


# --- Trouble with the store ------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["unavailable", "stored", "not stored"])
async def test_a_settlement_that_fails_is_repeated_and_never_the_try(outcome: Any) -> None:
    async with at_work(Desk(Scripted(), Trouble("outbox.settle", outcome, times=3))) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(10.0)
        delivery, attempts = await desk.find("d1")
        assert (delivery.state, len(attempts)) == ("delivered", 1)
        assert desk.destination.tried == ["d1"]


@pytest.mark.parametrize("seconds", [30.0, 300.0, 900.0])
async def test_however_long_the_store_is_away_a_try_whose_end_is_known_is_not_repeated(seconds: float) -> None:
    async with at_work(Desk(Scripted())) as desk:
        desk.store.gate.add(Trouble("outbox.settle", "unavailable", times=None))
        await put_in(desk.store, "d1", "d2", order_key="a")
        await desk.passes(0.5)
        desk.store.gate.add(Trouble("*", "unavailable", times=None))
        await desk.passes(seconds)
        desk.store.gate.heal()
        await desk.passes(120.0)
        assert desk.destination.tried == ["d1", "d2"]
        delivery, attempts = await desk.find("d1")
        assert (delivery.state, len(attempts), len(desk.told)) == ("delivered", 1, 2)


async def test_what_is_known_of_a_try_is_forgotten_once_another_one_was_made() -> None:
    async with at_work(Desk(Scripted(UNCLEAR), retry={"attempts": 1})) as desk:
        desk.store.gate.add(Trouble("outbox.settle", "unavailable", times=None))
        desk.store.gate.add(Trouble("outbox.lease", "unavailable", skip=1, times=None))
        await put_in(desk.store, "d1")
        await desk.passes(100.0)  # the lease has ended, and nobody could be told how the try did
        desk.store.gate.heal()
        (stolen,) = await desk.store.outbox.lease("ops", 1, 30.0)
        await desk.store.outbox.settle(stolen.token, SettleDead("another node's"), attempt())
        await desk.passes(100.0)
        assert desk.destination.tried == ["d1"]
        assert (await desk.find("d1"))[0].state == "dead"
        await desk.store.outbox.replay(["d1"])
        await desk.passes()
        assert desk.destination.tried == ["d1", "d1"]


@pytest.mark.parametrize("call", ["outbox.lease", "outbox.next_due_us", "outbox.wait_for_news", "outbox.give_back"])
async def test_a_store_that_is_away_for_a_while_only_delays(call: str) -> None:
    async with at_work(Desk(Scripted())) as desk:
        desk.store.gate.add(Trouble(call, "unavailable", times=3))
        await put_in(desk.store, *(f"d{n}" for n in range(9)))
        await desk.passes(70.0)
        assert len(desk.destination.delivered) == 9


async def test_tries_under_way_go_on_while_the_store_fails_the_lease() -> None:
    async def slow(parcel: Parcel) -> Outcome:
        await desk.clock.sleep(3.0)
        return Delivered()

    async with at_work(Desk(Scripted(always=slow))) as desk:
        await put_in(desk.store, "d1")
        await desk.passes(1.0)
        desk.store.gate.add(Trouble("outbox.lease", "unavailable", times=None))
        await put_in(desk.store, "d2")
        await desk.passes(5.0)
        assert await desk.states() == {"d1": "delivered", "d2": "waiting"}


async def test_a_lease_of_unknown_outcome_ends_and_what_it_took_is_tried() -> None:
    async def keep() -> None:
        while not desk.destination.tried:
            try:
                await desk.courier.run()
            except Exception:
                await desk.clock.sleep(1.0)

    desk = Desk(Scripted(), Trouble("outbox.lease", "stored"))
    await put_in(desk.store, "d1")
    working = asyncio.create_task(keep())
    await desk.passes(100.0)
    assert desk.destination.tried == ["d1"]
    assert desk.destination.parcels[0].maybe_there
    await desk.courier.stop(1.0)
    await working


async def test_after_a_crash_what_was_under_way_is_tried_again_and_knows_that_it_may_be_there() -> None:
    async def never(parcel: Parcel) -> Outcome:
        await asyncio.get_running_loop().create_future()
        return Delivered()

    desk = Desk(Scripted(never), timeout=10.0)
    await put_in(desk.store, "d1")
    before = set(asyncio.all_tasks())
    crashed = asyncio.create_task(desk.courier.run())
    await desk.passes(1.0)
    for one in set(asyncio.all_tasks()) - before | {crashed}:
        one.cancel()
    await desk.passes()
    desk.courier = desk.another_courier()
    async with at_work(desk):
        await desk.passes(60.0)
        assert [(parcel.id, parcel.maybe_there) for parcel in desk.destination.parcels] == [
            ("d1", False),
            ("d1", True),
        ]
        assert await desk.states() == {"d1": "delivered"}


# --- Stopping --------------------------------------------------------------------------------------


async def test_a_stop_lets_tries_under_way_finish_and_begins_no_other() -> None:
    async def slow(parcel: Parcel) -> Outcome:
        await desk.clock.sleep(3.0)
        return Delivered()

    async with at_work(Desk(Scripted(always=slow), concurrency=2)) as desk:
        await put_in(desk.store, "d1", "d2", "d3")
        await desk.passes(1.0)
        stopping = asyncio.create_task(desk.courier.stop(10.0))
        await desk.passes(1.9)
        assert not stopping.done()
        await desk.passes(0.2)
        assert stopping.done()
        assert await desk.states() == {"d1": "delivered", "d2": "delivered", "d3": "waiting"}
        await desk.passes(HOUR_S)
        assert desk.destination.tried == ["d1", "d2"]


async def test_a_courier_with_nothing_to_do_stops_at_once() -> None:
    desk = Desk(Scripted())
    working = asyncio.create_task(desk.courier.run())
    await desk.passes()
    await desk.courier.stop(10.0)
    await working
    assert desk.clock.monotonic() == 0.0


async def a_stop_that_cuts_off(**config: Any) -> Desk:
    async def never(parcel: Parcel) -> Outcome:
        await asyncio.get_running_loop().create_future()
        return Delivered()

    desk = Desk(Scripted(never), **config)
    await put_in(desk.store, "d1", "d2", order_key="a")
    working = asyncio.create_task(desk.courier.run())
    await desk.passes(1.0)
    stopping = asyncio.create_task(desk.courier.stop(2.0))
    await desk.passes(2.5)
    assert stopping.done()
    await working
    assert desk.courier.under_way == 0
    return desk


async def test_a_try_cut_off_by_a_stop_is_on_record_unclear_and_due_at_once() -> None:
    desk = await a_stop_that_cuts_off()
    delivery, attempts = await desk.find("d1")
    assert (delivery.state, delivery.leased, delivery.unclear, delivery.attempts) == ("waiting", False, True, 0)
    assert delivery.due_us <= desk.clock.wall_us()
    assert [(one.outcome, one.reason, one.unclear, one.counted) for one in attempts] == [
        ("later", "stopped under way", True, False)
    ]
    desk.courier = desk.another_courier()
    async with at_work(desk):
        assert desk.destination.delivered == ["d1", "d2"]
        assert [parcel.maybe_there for parcel in desk.destination.parcels] == [False, True, False]


async def test_where_twice_is_worse_a_try_cut_off_by_a_stop_is_a_dead_letter() -> None:
    desk = await a_stop_that_cuts_off(when_unclear="dead")
    delivery, _ = await desk.find("d1")
    assert (delivery.state, delivery.by) == ("dead", "may have arrived, and is not sent twice: stopped under way")


async def test_a_stop_is_bounded_though_the_store_is_away_and_the_lease_then_says_unclear() -> None:
    async def never(parcel: Parcel) -> Outcome:
        await asyncio.get_running_loop().create_future()
        return Delivered()

    desk = Desk(Scripted(never))
    await put_in(desk.store, "d1")
    working = asyncio.create_task(desk.courier.run())
    await desk.passes(1.0)
    desk.store.gate.add(Trouble("*", "unavailable", times=None))
    stopping = asyncio.create_task(desk.courier.stop(2.0))
    await desk.passes(7.0)
    assert stopping.done()
    await working
    desk.store.gate.heal()
    await desk.passes(60.0)
    desk.courier = desk.another_courier()
    async with at_work(desk):
        assert desk.destination.parcels[-1].maybe_there


class HeldClock(ManualClock):
    """A clock of the store on which its calls can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def sleep(self, seconds: float) -> None:
        await self.go_on.wait()
        await super().sleep(seconds)


async def test_what_is_leased_while_a_stop_waits_is_given_back_untried() -> None:
    desk = Desk(Scripted())
    held = HeldClock()
    desk.store = MemoryStore(held)
    desk.courier = desk.another_courier()
    await put_in(desk.store, "d1", "d2")
    held.go_on.clear()
    working = asyncio.create_task(desk.courier.run())
    await desk.passes()
    stopping = asyncio.create_task(desk.courier.stop(5.0))
    await desk.passes(1.0)
    assert not stopping.done()
    held.go_on.set()
    await desk.passes()
    assert stopping.done()
    await working
    assert desk.destination.tried == []
    for name in ("d1", "d2"):
        delivery, attempts = await desk.find(name)
        assert (delivery.state, delivery.leased, delivery.unclear, attempts) == ("waiting", False, False, [])


async def test_what_is_leased_after_a_stop_gave_up_waiting_is_given_back_too() -> None:
    desk = Desk(Scripted())
    held = HeldClock()
    desk.store = MemoryStore(held)
    desk.courier = desk.another_courier()
    await put_in(desk.store, "d1")
    held.go_on.clear()
    working = asyncio.create_task(desk.courier.run())
    await desk.passes()
    stopping = asyncio.create_task(desk.courier.stop(1.0))
    await desk.passes(2.0)
    assert stopping.done()
    held.go_on.set()
    await desk.passes(HOUR_S)
    await working
    assert desk.destination.tried == []
    delivery, _ = await desk.find("d1")
    assert (delivery.leased, delivery.unclear) == (False, False)


async def test_a_courier_that_was_never_begun_can_be_stopped() -> None:
    desk = Desk(Scripted())
    await desk.courier.stop(1.0)
    await desk.courier.run()
    assert desk.destination.tried == []
