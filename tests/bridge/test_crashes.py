"""Whatever comes, fails or breaks off, at any await: nothing is lost, keys keep their order, and the books balance."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.delivery.courier import Courier
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Refused
from bridge.destinations.config import BacklogSettings, CollapseSettings
from bridge.routing.commit_batch import UNDECIDABLE
from broker.engines.memory.trouble import Trouble
from broker.errors import StoreError
from broker.model import Delivery
from rules.ruleset import PostMaking, RuleSet
from rules.source.words import Rate
from tests.fakes.deliveries import Scripted, a_config, seeded
from tests.fakes.routing import Routing, T, an_alert, keep, rules_of

RULES = """
rules:
  - {name: poison, match: {$.status: POISON}, body: x, send: hook, stop: true}
  - {name: all, key: "{{ data.host }}", text: "{{ data.n }}", send: ops}
  - {name: once, match: {$.status: FLAP}, key: "{{ data.host }}", dedupe: 30s, text: x, send: mail}
  - {name: many, match: {$.status: MANY}, group: {by: [$.host], wait: 10s, every: 20s}, text: x, send: mail}
  - {name: site, match: {$.status: FLAP}, resolved: {$.status: OK}, key: "{{ data.host }}", text: x, send: ops}
"""
DESTINATIONS = ("ops", "mail")
FOLDING: dict[str, Any] = {
    "rate": Rate(1, 1.0),
    "burst": 2,
    "collapse": CollapseSettings(after=2.0),
    "backlog": BacklogSettings(older_than=20.0),
}
"""One post a second: what waits soon is too much, or old."""
LONG_S = 400.0  # longer than a lease, the longest pause of the breaker, and the longest of a retry


def rules() -> RuleSet:
    """The rules, of which the first breaks on every message that it takes."""
    whole = rules_of(RULES)
    broken = replace(whole.rules[0], making=PostMaking(body=object(), has_body=True))  # type: ignore[arg-type]
    return replace(whole, rules=(broken, *whole.rules[1:]), views={})


class World:
    """A router and two couriers on one store; each may be dropped at any await and begun anew."""

    def __init__(self, seed: int, *, folds: bool) -> None:
        self.folds = folds
        self.routing = Routing(rules())
        self.luck = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.calm = False
        self.published = 0
        self.destinations = {name: Scripted(always=self.answer) for name in DESTINATIONS}
        self.couriers: dict[str, Courier] = {}
        self.work: dict[str, asyncio.Task[None]] = {}

    async def answer(self, parcel: Parcel) -> Outcome:
        """What the destination says this time; a post may arrive long before that is said, or without it."""
        outcomes: list[Callable[[], Outcome]] = [
            Delivered,
            Delivered,
            lambda: Later("HTTP 503"),
            lambda: Later("HTTP 429", throttled=True, after_s=3.0),
            lambda: Later("no answer", unclear=True),
            lambda: Refused("HTTP 400", plainer="plain"),
        ]
        outcome = Delivered() if self.calm else self.luck.choice(outcomes)()
        await self.routing.clock.sleep(self.luck.choice([0.0, 0.0, 0.5]))
        if isinstance(outcome, Delivered) or (isinstance(outcome, Later) and outcome.unclear):
            for destination in self.destinations.values():
                destination.arrivals |= {n for n, one in enumerate(destination.parcels) if one is parcel}
        await self.routing.clock.sleep(self.luck.choice([0.0, 0.0, 0.5]))
        return outcome

    def begin(self) -> None:
        """Begin whatever is not at work."""
        routing = self.routing
        if "router" not in self.work:
            self.work["router"] = asyncio.create_task(keep(routing.router(), routing.clock))
        for name in DESTINATIONS:
            if name not in self.work:
                how = FOLDING if self.folds else {}
                config = a_config(
                    concurrency=2,
                    retry={"attempts": 50, "max": 30.0},
                    breaker={"failures": 4, "probe_every": 5.0},
                    **how,
                )
                outbox = routing.store.outbox
                courier = Courier(name, self.destinations[name], config, outbox, routing.clock, seeded())
                self.couriers[name] = courier
                self.work[name] = asyncio.create_task(self._keep(courier))

    async def _keep(self, courier: Courier) -> None:
        while True:
            try:
                await courier.run()
            except StoreError:
                await self.routing.clock.sleep(1.0)
            else:
                return

    async def crash(self) -> None:
        """Everything at work is gone at once, wherever it was."""
        mine = asyncio.current_task()
        for one in asyncio.all_tasks():
            if one is not mine:
                one.cancel()
        self.work.clear()
        await self.routing.passes()

    async def crash_router(self) -> None:
        """The router alone is gone."""
        self.work.pop("router").cancel()
        await self.routing.passes()

    async def stop_couriers(self) -> None:
        """The couriers are stopped in an orderly way, in bounded time."""
        stopping = [asyncio.create_task(courier.stop(1.0)) for courier in self.couriers.values()]
        for _ in range(200):
            if all(one.done() for one in stopping):
                break
            await self.routing.passes(0.25)
        assert all(one.done() for one in stopping)
        for name in DESTINATIONS:
            self.work.pop(name).cancel()


Step: TypeAlias = tuple[Any, ...]

TROUBLED = (
    *("commit", "log.read", "cursors.get", "outbox.lease", "outbox.settle", "outbox.give_back"),
    *("outbox.fold", "outbox.backlog", "outbox.waiting", "outbox.find"),
)

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("publish"),
            st.lists(
                st.tuples(st.sampled_from("abc"), st.sampled_from(["OK", "FLAP", "MANY", "POISON"])),
                min_size=1,
                max_size=6,
            ),
        ),
        st.tuples(st.just("turns"), st.integers(0, 12)),
        st.tuples(st.just("passes"), st.sampled_from([0.2, 1.0, 7.0, 45.0])),
        st.tuples(st.just("crash")),
        st.tuples(st.just("crash router")),
        st.tuples(st.just("stop couriers")),
        st.tuples(
            st.just("trouble"),
            st.sampled_from(TROUBLED),
            st.sampled_from(["unavailable", "stored", "not stored"]),
            st.integers(0, 2),
        ),
    ),
    max_size=18,
)


async def take(world: World, step: Step) -> None:
    """One thing happens."""
    match step:
        case ("publish", alerts):
            payloads = [
                an_alert(host=host, status=status, n=world.published + n) for n, (host, status) in enumerate(alerts)
            ]
            await world.routing.publish(*payloads)
            world.published += len(payloads)
        case ("turns", turns):
            await world.routing.clock.advance(0.0, turns=turns)
        case ("passes", seconds):
            await world.routing.passes(seconds)
        case ("crash",):
            await world.crash()
        case ("crash router",):
            await world.crash_router()
        case ("stop couriers",):
            await world.stop_couriers()
        case ("trouble", call, outcome, skip):
            world.routing.gate.add(Trouble(call, outcome, skip=skip))
    world.begin()


async def come_to_rest(world: World) -> None:
    """Everything works again, and has time to finish."""
    world.routing.gate.heal()
    world.calm = True
    await world.routing.passes(LONG_S)
    await world.crash()


def check_tries(destination: Scripted, keys: dict[str, str]) -> None:
    """Of each key one after the other, and after one that arrived only tries that know it may be there."""
    last: dict[str, str] = {}
    over: set[str] = set()
    for parcel in destination.parcels:
        key = keys[parcel.id]
        if last.get(key) != parcel.id:
            assert parcel.id not in over, "tried again after its successor"
            over.add(last.get(key, ""))
            last[key] = parcel.id
    arrived: set[str] = set()
    for number, parcel in enumerate(destination.parcels):
        if parcel.id in arrived:
            assert parcel.maybe_there, "repeated as if it had never been sent"
        arrived |= {parcel.id} if number in destination.arrivals else set()


def check_folding(destination: Scripted, found: list[Delivery]) -> None:
    """What became part of a digest never arrived by itself, and its digest came to an end; pairs go in pairs."""
    by_id = {one.id: one for one in found}
    arrived = {destination.parcels[number].id for number in destination.arrivals}
    for one in found:
        if one.state in ("folded", "cancelled"):
            assert one.id not in arrived
            digest = by_id[one.by]
            while digest.state == "folded":
                digest = by_id[digest.by]
            assert digest.state in ("delivered", "dead")
    for key in "abc":
        life = [one for one in found if (one.new.rule, one.new.key) == ("site", key)]
        told = "".join(one.new.phase[0] for one in life if one.state != "cancelled")
        cancelled = "".join(one.new.phase[0] for one in life if one.state == "cancelled")
        assert re.fullmatch("(f+r)*f*", told), "an end without a beginning, or the other way"
        assert re.fullmatch("(f+r)*", cancelled)


async def live(script: list[Step], seed: int, *, folds: bool = False) -> None:
    """A life with these steps, and what must be true at its end."""
    world = World(seed, folds=folds)
    world.begin()
    for step in script:
        await take(world, step)
    await come_to_rest(world)

    found = await world.routing.deliveries()
    book = await world.routing.books(T)
    assert book.messages.received == book.messages.decided == world.published
    assert (book.sends.waiting, book.sends.held) == (0, 0)
    dead = [one for one in found if one.state == "dead"]
    posted = [one for one in found if one.new.rule == "all"]
    undecided = [one.new.offset for one in dead if one.new.rule == UNDECIDABLE]
    offsets = [one.new.offset for one in posted]
    assert sorted(offsets + undecided) == list(range(world.published)), "lost, or decided twice"
    assert offsets == sorted(offsets)
    keys = {one.id: one.new.order_key for one in found}
    for name, destination in world.destinations.items():
        check_tries(destination, keys)
        states = {one.id: one.state for one in found if one.new.destination == name}
        assert set(states.values()) <= {"delivered", "dead", *(("folded", "cancelled") if folds else ())}
        check_folding(destination, [one for one in found if one.new.destination == name])
        assert {one for one, state in states.items() if state == "delivered"} <= set(destination.delivered)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(steps, st.integers(0, 2**16), st.booleans())
def test_nothing_is_lost_or_disordered_and_the_books_balance(script: list[Step], seed: int, folds: bool) -> None:
    with capture_logs():
        asyncio.run(live(script, seed, folds=folds))


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_crash_at_every_turn_of_a_fold_loses_and_repeats_nothing(turns: int) -> None:
    with capture_logs():
        many: Step = ("publish", [(host, status) for host in "abc" for status in ("FLAP", "OK", "OK")])
        script: list[Step] = [("passes", 0.2), many, many, ("passes", 1.0), ("turns", turns), ("crash",)]
        await live(script, seed=1, folds=True)
        await live([many, ("crash",), ("passes", 45.0), ("turns", turns), ("crash",)], seed=2, folds=True)


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_crash_at_every_turn_of_one_message_loses_and_repeats_nothing(turns: int) -> None:
    with capture_logs():
        script: list[Step] = [("publish", [("a", "OK"), ("a", "OK"), ("b", "POISON")]), ("turns", turns), ("crash",)]
        await live(script, seed=1)
