"""Rules that expect signs of life, and that escalate, over every engine: gaps of the bridge, restarts, what waits."""

from __future__ import annotations

import json
from typing import Any

from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.ledger import books
from bridge.routing.nudges import Nudges
from bridge.routing.router import Router
from broker.clock import ManualClock
from broker.model import Cursor, DeliveryQuery, NewMessage
from broker.store import Store
from tests.contracts.engines import Engine
from tests.fakes.routing import UIDS, T, rules_of

RULES = """
rules:
  - name: beats
    match: {$.type: beat}
    key: "{{ data.host }}"
    expect: {every: 1m, grace: 30s, keys: [web1, web2]}
    text: "{{ phase }} {{ key }}"
    escalate: [{after: 1m, to: mail}]
    send: ops
  - name: lasting
    match: {$.status: DOWN}
    resolved: {$.status: UP}
    key: "{{ data.host }}"
    text: "{{ phase }} {{ key }}"
    for: 20s
    count: {at_least: 2, within: 1m}
    send: hook
"""


class Desk:
    """A router that does one thing at a time, as the test asks, over a store."""

    def __init__(self, store: Store, clock: ManualClock, rules: str = RULES) -> None:
        self.store = store
        self.clock = clock
        self.in_force = ActiveConfig(rules_of(rules), clock.wall_us())
        self.router = Router(RoutedTopic(T, UIDS[T]), 2**60, store, self.in_force, clock, Nudges())
        self.cursor: Cursor

    async def begin(self) -> None:
        """Take the router's place, and let its rules watch."""
        self.cursor = await self.router.take_place()
        await self.router._watches.begin(self.in_force.rule_set)
        await self.look()

    async def publish(self, **data: Any) -> None:
        """One message, which nobody decides yet."""
        await self.store.log.append(UIDS[T], [NewMessage(json.dumps(data), {})])

    async def decide(self) -> None:
        """Decide all that was published."""
        while messages := await self.store.log.read(UIDS[T], self.cursor.offset, 100, 100_000):
            self.cursor = await self.router._decide(messages, self.cursor)

    async def look(self) -> None:
        """Fire all that is due."""
        while await self.router._fire_due(self.cursor):
            await self.clock.advance(0.2)

    async def passes(self, seconds: int) -> None:
        """Let time pass in small steps, and every timer fire at its own."""
        for _ in range(0, seconds, 5):
            await self.clock.advance(5.0)
            await self.look()

    async def told(self) -> list[tuple[str, str]]:
        """What was told so far, the oldest first: the text without its note, and to whom."""
        deliveries = await self.store.outbox.find(DeliveryQuery(limit=1_000))
        return [
            (json.loads(one.new.post)["text"].split("\n")[0], one.new.destination)
            for one in sorted(deliveries, key=lambda one: one.seq)
        ]


async def test_what_is_missing_is_told_and_escalated_and_its_return_told_to_everybody(engine: Engine) -> None:
    async with engine.open() as store:
        desk = Desk(store, engine.clock)
        await desk.begin()
        for _ in range(4):
            await desk.publish(type="beat", host="web1")
            await desk.decide()
            await desk.passes(45)
        await desk.publish(type="beat", host="web1")
        await desk.publish(type="beat", host="web2")
        await desk.decide()
        assert await desk.told() == [
            ("firing web2", "ops"),
            ("escalation web2", "mail"),
            ("resolved web2", "ops"),
            ("resolved web2", "mail"),
        ]
        (book,) = await books(store, {UIDS[T]: T})
        assert book.balanced, book


async def test_while_nobody_watched_nothing_is_missing(engine: Engine) -> None:
    async with engine.open() as store:
        desk = Desk(store, engine.clock)
        await desk.begin()
        await desk.publish(type="beat", host="web1")
        await desk.decide()
        await desk.passes(60)
        if not engine.survives:
            await engine.clock.advance(3_600.0)
            await watch_anew(store, engine.clock)
            return
    await engine.clock.advance(3_600.0)
    async with engine.open() as store:
        await watch_anew(store, engine.clock)


async def watch_anew(store: Store, clock: ManualClock) -> None:
    """A new router tells what is missing after the whole time, and not before."""
    desk = Desk(store, clock)
    await desk.begin()
    await desk.passes(80)
    assert await desk.told() == []
    await desk.passes(15)
    assert sorted(await desk.told()) == [("firing web1", "ops"), ("firing web2", "ops")]


async def test_what_waits_to_be_decided_is_not_missing(engine: Engine) -> None:
    async with engine.open() as store:
        desk = Desk(store, engine.clock)
        await desk.begin()
        await desk.passes(85)
        await desk.publish(type="beat", host="web1")
        await desk.publish(type="beat", host="web2")
        await desk.passes(20)
        assert await desk.told() == []
        await desk.decide()
        await desk.passes(60)
        assert await desk.told() == []


async def test_a_reload_begins_to_watch_and_forgets_what_is_watched_no_more(engine: Engine) -> None:
    async with engine.open() as store:
        desk = Desk(store, engine.clock)
        await desk.begin()
        await desk.passes(95)
        desk.in_force.swap(rules_of(RULES.replace("[web1, web2]", "[web2, web3]")), engine.clock.wall_us())
        await desk.in_force.wake(store)
        await desk.router._watches.begin(desk.in_force.rule_set)
        await desk.look()
        assert ("stale web1", "ops") in await desk.told()
        await desk.passes(95)
        assert ("firing web3", "ops") in await desk.told()


async def test_what_lasts_and_comes_often_enough_is_told_over_a_restart(engine: Engine) -> None:
    async with engine.open() as store:
        desk = Desk(store, engine.clock)
        await desk.begin()
        for _ in range(2):
            await desk.publish(status="DOWN", host="db1")
            await desk.decide()
        await desk.passes(10)
        again = Desk(store, engine.clock)
        await again.begin()
        assert ("firing db1", "hook") not in await again.told()
        await again.passes(15)
        assert ("firing db1", "hook") in await again.told()
