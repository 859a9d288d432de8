"""A daemon killed, stopped or reloaded between any two events decides what one decides that nobody touched.

On a real SQLite file: groups, throttles, reminders, incidents, flapping, dedupe and hidden firings are all in it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.ledger import books
from bridge.routing.nudges import Nudges
from bridge.routing.router import Router
from broker.clock import ManualClock
from broker.engines import open_store
from broker.model import DeliveryQuery, NewMessage
from broker.names import router_cursor
from broker.store import Store
from rules.deciding.quiet.silences import compile_silences
from rules.model import Silence
from tests.contracts.engines import QUICK_FOLDER
from tests.fakes.routing import UIDS, T, an_alert, rules_of

RULES = """
rules:
  - name: site
    match: {$.status: DOWN}
    resolved: {$.status: UP}
    key: "{{ data.host }}"
    text: "{{ phase }} {{ key }}"
    repeat: 2m
    escalate: [{after: 3m, to: mail, mention: lead}]
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
STEPS: Final = [  # seconds to wait, then an event of a host
    (0, "web1", "DOWN"),
    (1, "web2", "DOWN"),
    (20, "web1", "DOWN"),
    (15, "web1", "UP"),
    (5, "web1", "DOWN"),
    (5, "web1", "UP"),
    (5, "quiet1", "DOWN"),
    (300, "web2", "UP"),
]
QUIET = Silence("s1", {"key": {"like": "quiet*"}}, 0, 2**60, "ann", "works")


class Town:
    """A store and its router, which may be exchanged."""

    def __init__(self, folder: Path) -> None:
        self._url = f"sqlite://{folder / 'bridge.db'}"
        self.clock = ManualClock()
        self.store: Store
        self._work: asyncio.Task[None]
        self._router: Router
        self._in_force: ActiveConfig

    async def begin(self) -> None:
        """Open the store and route."""
        self.store = await open_store(self._url, self.clock)
        self._in_force = ActiveConfig(rules_of(RULES), self.clock.wall_us())
        self._in_force._silences = compile_silences([QUIET])
        topic = RoutedTopic(T, UIDS[T])
        self._router = Router(topic, 2**60, self.store, self._in_force, self.clock, Nudges())
        self._work = asyncio.create_task(self._router.run())

    async def meddle(self, how: str) -> None:
        """What may happen to a daemon between two events."""
        if how == "reload":
            self._in_force.swap(rules_of(RULES), self.clock.wall_us())
            await self._in_force.wake(self.store)
            return
        if how == "stop":
            self._router.stop()
            while not self._work.done():
                await self.clock.advance(0.0)
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        await self.store.close()
        if how != "end":
            await self.begin()

    async def settled(self) -> None:
        """All that is published is decided, and no timer is due."""
        for look in range(4_000):
            cursor = await self.store.cursors.get(router_cursor(UIDS[T]))
            end = (await self.store.log.bounds(UIDS[T])).end
            due = await self.store.state.due(UIDS[T], self.clock.wall_us(), 1)
            if cursor is not None and cursor.offset == end and not due:
                return
            await self.clock.advance(0.0 if look % 50 else 0.002)  # a router may have gone to rest as time moved on
        raise AssertionError("it never comes to rest")

    async def passes(self, seconds: int) -> None:
        """Let time pass in small steps, and every timer fire at its own."""
        for _ in range(0, seconds, 5):
            await self.clock.advance(5.0)
            await self.settled()


async def what_comes_of_it(meddled_at: int = -1, how: str = "") -> list[tuple[Any, ...]]:
    """Every delivery of the story: rule, phase, key, text, and when it was decided, to within five seconds."""
    with TemporaryDirectory(dir=QUICK_FOLDER) as folder:
        town = Town(Path(folder))
        await town.begin()
        began_us = town.clock.wall_us()
        await town.settled()
        for number, (seconds, host, status) in enumerate(STEPS):
            await town.passes(seconds)
            if number == meddled_at:
                await town.meddle(how)
                await town.settled()
            payload = an_alert(host=host, status=status, n=number)
            await town.store.log.append(UIDS[T], [NewMessage(payload, {})])
            await town.settled()
        await town.passes(700)
        found = await town.store.outbox.find(DeliveryQuery(limit=1_000))
        (book,) = await books(town.store, {UIDS[T]: T})
        assert book.balanced, book
        await town.meddle("end")
    told = [
        (
            one.new.rule,
            one.new.phase,
            one.new.key,
            json.loads(one.new.post)["text"],
            round((one.new.created_us - began_us) / 5_000_000),
        )
        for one in found
    ]
    return sorted(told)


@pytest.mark.parametrize("how", ["kill", "stop", "reload"])
async def test_what_happens_between_two_events_changes_nothing_that_is_decided(how: str) -> None:
    with capture_logs():
        untouched = await what_comes_of_it()
        assert {phase for _, phase, *_ in untouched} >= {"firing", "resolved", "group", "digest", "flapping", "calm"}
        assert {phase for _, phase, *_ in untouched} >= {"escalation"}
        assert any(phase == "reminder" for _, phase, *_ in untouched)
        for meddled_at in range(len(STEPS)):
            assert await what_comes_of_it(meddled_at, how) == untouched, meddled_at
