"""The poison guard at work: what a router decides and a courier sends is set aside after two deaths, nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.core.poison import REASON, delivery_name
from bridge.core.poison_notes import read_notes
from bridge.delivery.courier import Courier
from bridge.destinations.base import Delivered, Outcome, Parcel
from bridge.observe.poison_metrics import PoisonMetrics
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.model import DeliveryQuery
from rules.ruleset import PostMaking, RuleSet
from tests.fakes.deaths import Deaths, a_guard
from tests.fakes.deliveries import Scripted, a_config, put_in, seeded
from tests.fakes.routing import UIDS, Routing, T, an_alert, routed, rules_of

UID = UIDS[T]
DAY_S = 86_400.0


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def deaths(tmp_path: Path) -> Deaths:
    (tmp_path / "state").mkdir()
    return Deaths(tmp_path / "state")


# --- At work in a router -----------------------------------------------------------------------------


class Deadly:
    """A template at which the process dies: it keeps the state folder as it is then."""

    def __init__(self, deaths: Deaths) -> None:
        self._deaths = deaths

    def render(self, names: Any) -> str:
        self._deaths.die()
        return "never sent"


def deadly(deaths: Deaths) -> RuleSet:
    whole = rules_of(
        """
        rules:
          - {name: poison, match: {$.poison: true}, text: x, send: ops, stop: true}
          - {name: all, text: "{{ data.host }}", send: ops}
        """
    )
    poison, ordinary = whole.rules
    deadly = replace(poison, making=PostMaking(text=Deadly(deaths)))  # type: ignore[arg-type]
    return replace(whole, rules=(deadly, ordinary), views={})


BATCH = [an_alert(host="a"), an_alert(host="b"), an_alert(poison=True), an_alert(host="c")]


async def test_of_a_batch_only_the_message_that_was_under_decision_is_set_aside(
    deaths: Deaths, logs: list[Any]
) -> None:
    for _ in range(2):
        async with routed(Routing(deadly(deaths), guard_folder=deaths.folder)) as routing:
            await routing.publish(*BATCH)
            await routing.passes()
    async with routed(Routing(deadly(deaths), guard_folder=deaths.folder)) as routing:
        await routing.publish(*BATCH)
        await routing.passes()
        assert await routing.texts() == ["a", "b", "c"]
        assert await routing.dead() == [2]
        assert routing.told[-1].counts == {"undecidable": 1}
        assert routing.guard.describe_degraded() == f"set aside undecided, for {REASON}: {T}:2"
        (metric,) = PoisonMetrics(routing.guard).collect()
        assert metric.samples[0].value == 1
        assert [entry["about"] for entry in logs if entry["event"].startswith("set aside")] == [f"{T}:2"]
        await routing.passes(DAY_S * 2)
        assert routing.guard.describe_degraded() == ""


async def test_a_timer_that_is_deadly_rests_until_other_rules_are_in_force(deaths: Deaths) -> None:
    rules = 'rules: [{name: r, key: "{{ data.host }}", group: {by: [$.host], wait: 30s}, text: x, send: ops}]'
    whole = rules_of(rules)
    making = PostMaking(text=Deadly(deaths))  # type: ignore[arg-type]
    rule = replace(whole.rules[0], making=making)
    broken = replace(whole, rules=(rule,), by_name={"r": rule}, views={})
    for _ in range(2):
        async with routed(Routing(broken, guard_folder=deaths.folder)) as routing:
            await routing.publish(an_alert())
            await routing.passes(60)
    async with routed(Routing(broken, guard_folder=deaths.folder)) as routing:
        before = deaths.folder
        await routing.publish(an_alert())
        await routing.passes(3_600)
        assert deaths.folder == before  # not fired again
        assert [one.state for one in await routing.deliveries()] == ["dead"]
        assert "a timer of" in routing.guard.describe_degraded()
        routing.reload(rules.replace("text: x", "text: mended"))
        await routing.passes(600)
        assert await routing.texts() == ["mended"]


# --- At work in a courier ----------------------------------------------------------------------------


async def test_work_is_noted_while_it_computes_and_not_while_it_waits(deaths: Deaths) -> None:
    guard, seen = a_guard(deaths), []
    waiting = asyncio.Event()

    def look() -> None:
        seen.append(read_notes(deaths.folder / "deciding.notes")[1])

    async def send() -> str:
        look()
        await waiting.wait()
        look()
        return "sent"

    sending = asyncio.create_task(guard.run_noted(delivery_name("1"), send()))
    await asyncio.wait([sending], timeout=0.01)
    look()
    waiting.set()
    assert await sending == "sent"
    look()
    assert seen == [["d/1"], [], ["d/1"], []]


async def test_noted_work_raises_and_is_cancelled_like_any_other(deaths: Deaths) -> None:
    guard, heard = a_guard(deaths), []

    async def fail() -> None:
        raise ZeroDivisionError

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    with pytest.raises(ZeroDivisionError):
        await guard.run_noted("d/1", fail())
    waiting = asyncio.create_task(guard.run_noted("d/2", wait()))
    await asyncio.wait([waiting], timeout=0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert heard == ["cancelled"]
    assert read_notes(deaths.folder / "deciding.notes")[1] == []


async def test_while_there_is_a_suspect_noted_work_takes_turns(deaths: Deaths) -> None:
    await deaths.die_at(delivery_name("1"))
    guard = a_guard(deaths)
    at_once: list[int] = []

    async def send() -> None:
        for _ in range(3):
            at_once.append(len(read_notes(deaths.folder / "deciding.notes")[1]))
            await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.001)

    desk = guard.open_desk("decide")
    step = partial(threading.Event().wait, 0.05)
    deciding = asyncio.create_task(desk.run("m/uid/1", step, large=True))
    await asyncio.gather(*(guard.run_noted(delivery_name(str(n)), send()) for n in range(4)), deciding)
    assert set(at_once) == {1}


async def test_a_delivery_at_which_the_daemon_stops_twice_is_a_dead_letter_and_others_arrive(deaths: Deaths) -> None:
    def deliver(parcel: Parcel) -> Outcome:
        if parcel.id == "deadly":
            deaths.die()
        return Delivered()

    for expected in (["deadly", "fine"], ["deadly", "fine"], ["fine"]):
        clock = ManualClock()
        store, guard, destination = MemoryStore(clock), a_guard(deaths, clock), Scripted(always=deliver)
        await put_in(store, "deadly", "fine")
        courier = Courier("ops", destination, a_config(), store.outbox, clock, seeded(), guard=guard)
        running = asyncio.create_task(courier.run())
        await clock.advance(1, turns=200)
        states = {one.id: one.state for one in await store.outbox.find(DeliveryQuery(limit=10))}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert destination.tried == expected
    assert states == {"deadly": "dead", "fine": "delivered"}
    assert "delivery deadly to ops" in guard.describe_degraded()
