"""A daemon whose wall clock is set, again and again, over restarts too, decides what one decides that nobody touched.

In true time: each post is decided when its rule says, as monotonic time counts. And couriers try, wait and give up so.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.core.poison import PoisonGuard
from bridge.delivery.attempts import AttemptResult, Attempts
from bridge.destinations.base import Later
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.ledger import books
from bridge.routing.nudges import Nudges
from bridge.routing.router import Router
from broker.clock import ManualClock, us
from broker.engines import open_store
from broker.engines.memory.trouble import Trouble
from broker.model import DeliveryQuery, NewMessage
from broker.names import router_cursor
from broker.store import Store
from tests.bridge.delivery.test_courier import Desk, at_work
from tests.contracts.engines import QUICK_FOLDER
from tests.fakes.deliveries import HOUR_S, Scripted, put_in, seeded
from tests.fakes.routing import UIDS, T, an_alert, rules_of

DAY_S: Final = 86_400
YEAR_S: Final = 365 * DAY_S
RULES: Final = """
rules:
  - name: site
    match: {$.status: DOWN}
    resolved: {$.status: UP}
    key: "{{ data.host }}"
    text: "{{ phase }} {{ key }}"
    repeat: 2m
    escalate: [{after: 1m, to: mail}]
    forget_after: 5m
    flapping: {changes: 4, within: 5m}
    send: ops
  - name: lasting
    match: {$.status: DOWN}
    resolved: {$.status: UP}
    key: "{{ data.host }}"
    text: "{{ phase }} {{ key }}"
    for: 25s
    count: {at_least: 2, within: 1m}
    send: mail
  - {name: gathered, group: {by: [$.host], wait: 30s, every: 2m}, text: "{{ data.status }}", send: mail}
  - {name: slow, key: "{{ data.host }}", dedupe: 1m, throttle: 1/1m, text: "{{ data.n }}", send: hook}
"""
Event: TypeAlias = tuple[int, str, str]
"""Seconds to wait, then a host and its status."""

Setting: TypeAlias = tuple[float, Literal["", "restart", "reboot"]]
"""By how many seconds the wall clock is set, and what happens to the process meanwhile."""

_WALL_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
EVENTS: Final = st.lists(
    st.tuples(st.sampled_from([0, 5, 20, 60, 150]), st.sampled_from(["a", "b"]), st.sampled_from(["DOWN", "UP"])),
    min_size=2,
    max_size=6,
)
SIZES: Final = st.sampled_from([-3 * YEAR_S, -YEAR_S, -DAY_S, -HOUR_S, -90, -5, 0, 5, 90, HOUR_S, DAY_S, YEAR_S])
SETTINGS: Final = st.lists(st.tuples(SIZES, st.sampled_from(["", "restart"])), min_size=1, max_size=4)


class Town:
    """A store and its router, on a clock that is set under them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.clock = ManualClock()
        self.elapsed_s = 0
        self.told: list[tuple[Any, ...]] = []
        self._seen = 0
        self.store: Store
        self._work: asyncio.Task[None]

    async def begin(self) -> None:
        self.store = await open_store(self._url, self.clock)
        self._route()

    def _route(self) -> None:
        in_force = ActiveConfig(rules_of(RULES), 0)
        router = Router(RoutedTopic(T, UIDS[T]), 2**60, self.store, in_force, self.clock, Nudges())
        self._work = asyncio.create_task(router.run())

    async def end(self) -> None:
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        await self.store.close()

    async def set_clock(self, by_s: float, how: str) -> None:
        """The wall clock is set; with ``restart`` while nothing runs, or, in memory, while nothing routes."""
        if not how:
            self.clock.step(by_s)
        elif self._url == "memory":
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            self.clock.step(by_s)
            self._route()
        else:
            await self.end()
            self.clock.step(by_s)
            await self.begin()

    async def settle(self) -> None:
        """All that is published is decided, no timer is due, and what came of it is noted with the true time."""
        for look in range(4_000):
            cursor = await self.store.cursors.get(router_cursor(UIDS[T]))
            end = (await self.store.log.bounds(UIDS[T])).end
            due = await self.store.state.due(UIDS[T], self.clock.wall_us(), 1)
            if cursor is not None and cursor.offset == end and not due:
                await self._note()
                return
            await self.clock.advance(0.0 if look % 50 else 0.002)
        raise AssertionError("it never comes to rest")

    async def _note(self) -> None:
        found = [one for one in await self.store.outbox.find(DeliveryQuery(limit=1_000)) if one.seq > self._seen]
        for one in sorted(found, key=lambda one: one.seq):
            self._seen = one.seq
            said = _WALL_TIME.sub("then", json.loads(one.new.post)["text"])
            self.told.append((self.elapsed_s, one.new.rule, one.new.phase, one.new.key, said))

    async def passes(self, seconds: int) -> None:
        for _ in range(0, seconds, 5):
            await self.clock.advance(5.0)
            self.elapsed_s += 5
            await self.settle()


async def live(url: str, events: list[Event], steps: list[Setting]) -> list[tuple[Any, ...]]:
    """What is decided of these events, and when in true time; the clock is set once between two of them."""
    town = Town(url)
    await town.begin()
    await town.settle()
    for number, (seconds, host, status) in enumerate(events):
        await town.passes(seconds // 10 * 5)
        if number < len(steps):
            await town.set_clock(*steps[number])
        await town.passes(seconds - seconds // 10 * 5)
        await town.store.log.append(UIDS[T], [NewMessage(an_alert(host=host, status=status, n=number), {})])
        await town.settle()
    await town.passes(420)
    (book,) = await books(town.store, {UIDS[T]: T})
    assert book.balanced, book
    found = await town.store.outbox.find(DeliveryQuery(limit=1_000))
    assert max(Counter(one.new.unique_key for one in found).values(), default=1) == 1
    assert not [row for row in await town.store.state.list("k/site/", 100) if row.due_us is not None]
    await town.end()
    return sorted(town.told)


def both_lives(kind: str, events: list[Event], steps: list[Setting]) -> tuple[Any, Any]:
    """What comes of the same events on a clock that is set, and on one that is not."""

    async def run() -> list[tuple[Any, ...]]:
        with TemporaryDirectory(dir=QUICK_FOLDER) as folder, capture_logs():
            url = "memory" if kind == "memory" else f"sqlite://{Path(folder)}/set.db"
            return await live(url, events, steps)

    return asyncio.run(run()), life_that_nobody_touched(tuple(events))


@cache
def life_that_nobody_touched(events: tuple[Event, ...]) -> list[tuple[Any, ...]]:
    """What comes of the events on a clock that is not set."""
    with capture_logs():
        return asyncio.run(live("memory", list(events), []))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=EVENTS, steps=SETTINGS)
def test_what_is_decided_and_when_does_not_depend_on_the_wall_clock(
    kind: str, events: list[Event], steps: list[Setting]
) -> None:
    on_a_clock_that_is_set, on_one_that_is_not = both_lives(kind, events, steps)
    assert on_a_clock_that_is_set == on_one_that_is_not


@pytest.mark.parametrize("step_s", [-HOUR_S, YEAR_S])
@pytest.mark.parametrize(("kind", "how"), [("memory", ""), ("sqlite", "restart")])
def test_a_whole_story_is_told_at_its_times_however_the_clock_is_set(kind: str, step_s: int, how: Any) -> None:
    events = [
        (0, "a", "DOWN"),
        (20, "a", "DOWN"),
        (60, "a", "UP"),
        (20, "a", "DOWN"),
        (20, "a", "UP"),
        (5, "b", "DOWN"),
    ]
    told, expected = both_lives(kind, events, [(0.0, ""), (step_s, how), (0.0, ""), (-step_s, how)])
    assert told == expected
    assert {phase for _, _, phase, *_ in told} >= {"firing", "flapping", "calm", "reminder", "stale", "group", "digest"}


DOWN = Later("HTTP 503")
RETRY: Final = {"base": 1.0, "max": 5.0, "give_up_after": 900.0}
NO_BREAKER: Final = {"failures": 10**9}


@pytest.mark.parametrize("step_s", [-YEAR_S, -HOUR_S, HOUR_S, 2 * DAY_S, YEAR_S])
async def test_tries_go_on_within_the_longest_pause_and_are_not_given_up_for_a_step(step_s: int) -> None:
    desk = Desk(Scripted(always=lambda parcel: DOWN), retry=RETRY, breaker=NO_BREAKER)
    async with at_work(desk):
        await put_in(desk.store, "d1")
        await desk.passes(20.0)
        for _ in range(3):
            desk.clock.step(step_s)
            tried = len(desk.destination.tried)
            await desk.passes(6.0)
            assert len(desk.destination.tried) > tried
        assert (await desk.states())["d1"] == "waiting"
        await desk.passes(900.0)
        assert (await desk.states())["d1"] == "dead"


async def test_a_step_during_a_try_neither_ends_it_nor_puts_off_the_next() -> None:
    def set_during(parcel: Any) -> Later:
        desk.clock.step(2 * DAY_S if len(desk.destination.tried) % 2 else -2 * DAY_S)
        return DOWN

    desk = Desk(Scripted(always=set_during), retry=RETRY, breaker=NO_BREAKER)
    async with at_work(desk):
        await put_in(desk.store, "d1")
        await desk.passes(60.0)
        delivery, attempts = await desk.find("d1")
        assert delivery.state == "waiting"
        assert len(attempts) > 10
        assert all(0 <= one.took_us < us(1) for one in attempts)


async def test_a_step_between_the_lease_and_the_try_does_not_end_the_retries() -> None:
    desk = Desk(Scripted(always=lambda parcel: DOWN), retry=RETRY, breaker=NO_BREAKER)
    told: list[AttemptResult] = []
    guard = PoisonGuard(desk.clock)
    tries = Attempts("ops", desk.destination, desk.config, desk.store.outbox, desk.clock, seeded(), told.append, guard)
    await put_in(desk.store, "d1")
    for step_s in (0, 2 * DAY_S, -2 * DAY_S):
        (leased,) = await desk.store.outbox.lease("ops", 1, 30.0)
        desk.clock.step(step_s)
        assert tries.begin_all([leased]) == []
        await tries.wait_settled()
        await desk.passes(10.0)
    assert [type(one.settlement).__name__ for one in told] == ["SettleAgain"] * 3


@pytest.mark.parametrize("step_s", [-DAY_S, DAY_S])
async def test_who_waits_behind_a_retry_of_the_same_key_waits_no_longer(step_s: int) -> None:
    desk = Desk(Scripted(DOWN), retry=RETRY, breaker=NO_BREAKER)
    async with at_work(desk):
        await put_in(desk.store, "d1", order_key="host")
        desk.clock.step(step_s)
        await put_in(desk.store, "d2", order_key="host", due_us=desk.clock.wall_us())
        await desk.passes(6.0)
        assert desk.destination.delivered == ["d1", "d2"]


@pytest.mark.parametrize("away_s", [3.0, 300.0], ids=["the store is back within the lease", "the lease ends before"])
@pytest.mark.parametrize("step_s", [-2 * DAY_S, 2 * DAY_S])
async def test_a_step_while_a_try_waits_to_be_settled_neither_ends_the_retries_nor_puts_them_off(
    away_s: float, step_s: int
) -> None:
    desk = Desk(Scripted(always=lambda parcel: DOWN), retry=RETRY, breaker=NO_BREAKER)
    async with at_work(desk):
        desk.store.gate.add(Trouble("outbox.settle", "unavailable", times=None))
        await put_in(desk.store, "d1")
        await desk.passes(away_s)
        desk.clock.step(step_s)
        desk.store.gate.heal()
        await desk.passes(60.0)
        delivery, attempts = await desk.find("d1")
        assert delivery.state == "waiting"
        assert len(attempts) > 5
        began_us = [one.at_us for one in attempts]
        assert began_us == sorted(began_us), "a try on record began when the clock that stands now says so"
