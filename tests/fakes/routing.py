"""Routers at work on a store in memory, with rules from a few lines of YAML, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import functools
import json
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.core.poison import PoisonGuard
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.ledger import TopicBooks, books
from bridge.routing.nudges import Nudges
from bridge.routing.router import Routed, Router
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.engines.memory.trouble import Trouble
from broker.errors import StoreError
from broker.model import Cursor, Delivery, DeliveryQuery, NewMessage
from broker.names import router_cursor
from broker.store import Store
from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.ruleset import RuleSet

T = "projects/P/topics/T"
OTHER = "projects/P/topics/OTHER"
UIDS = {T: "uid-t", OTHER: "uid-other"}

_NO_TEMPLATES = Path(__file__).parent / "no templates"  # compiling the shipped ones takes half a second

ALL = """
rules:
  - name: all
    text: "{{ data.host }} is {{ data.status }}"
    key: "{{ data.host }}"
    send: ops
"""
"""Every message becomes a post."""


@functools.lru_cache(maxsize=100)
def rules_of(text: str) -> RuleSet:
    """Rules of one file, under topic T unless it says otherwise; destinations are ops, mail and hook."""
    text = textwrap.dedent(text).lstrip("\n")
    if not text.startswith("topic:"):
        text = f"topic: {T}\n{text}"
    facts = [
        DestinationFacts("ops", "mattermost", max_text_runes=16_383),
        DestinationFacts("mail", "email"),
        DestinationFacts("hook", "webhook", takes_body=True),
    ]
    world = World(destinations={one.name: one for one in facts}, shipped_templates=_NO_TEMPLATES)
    return read_rules([("test.yaml", text)], world)


def an_alert(**changed: Any) -> str:
    """The payload of an alert."""
    return json.dumps({"host": "web1", "status": "CRITICAL"} | changed)


class Routing:
    """Topics, their routers, and what came of their messages."""

    def __init__(
        self,
        rules: str | RuleSet = ALL,
        *troubles: Trouble,
        store: Store | None = None,
        guard_folder: Path | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.store: Store = store or MemoryStore(self.clock, *troubles)
        rule_set = rules if isinstance(rules, RuleSet) else rules_of(rules)
        self.in_force = ActiveConfig(rule_set, self.clock.wall_us())
        self.nudges = Nudges()
        self.told: list[Routed] = []
        self.routers: list[Router] = []
        self.guard = PoisonGuard(self.clock, guard_folder)

    @property
    def gate(self) -> Any:
        """Trouble for the store in memory."""
        assert isinstance(self.store, MemoryStore)
        return self.store.gate

    def reload(self, rules: str | RuleSet) -> None:
        """Put other rules in force."""
        self.in_force.swap(rules if isinstance(rules, RuleSet) else rules_of(rules), self.clock.wall_us())

    def router(self, topic: str = T, *, is_young: bool = True) -> Router:
        """A router of a topic that is as old as the rules, or older."""
        created_us = self.in_force.since_us - (0 if is_young else 1)
        about = RoutedTopic(topic, UIDS[topic])
        told, guard = self.told.append, self.guard
        router = Router(about, created_us, self.store, self.in_force, self.clock, self.nudges, told, guard)
        self.routers.append(router)
        return router

    async def publish(self, *payloads: str, topic: str = T) -> list[int]:
        """Append messages in one batch and say their offsets."""
        appended = await self.store.log.append(UIDS[topic], [NewMessage(payload, {}) for payload in payloads])
        return list(range(appended.first, appended.first + appended.count))

    async def passes(self, seconds: float = 0.0) -> None:
        """Let time pass; what a router decides on its thread takes real time, and none of ours."""
        await self.clock.advance(seconds, turns=100)
        while any(router.is_aside for router in self.routers):
            await self.clock.advance(0, turns=100)

    async def cursor(self, topic: str = T) -> Cursor:
        """Where the router of a topic stands."""
        found = await self.store.cursors.get(router_cursor(UIDS[topic]))
        assert found is not None
        return found

    async def deliveries(self) -> Sequence[Delivery]:
        """All deliveries, oldest first."""
        return list(reversed(await self.store.outbox.find(DeliveryQuery(limit=100_000))))

    async def offsets(self) -> list[int]:
        """The offsets of the messages that deliveries came of, dead letters included, in the order of commit."""
        return [one.new.offset for one in await self.deliveries()]

    async def texts(self) -> list[str]:
        """What waits to be posted, oldest first."""
        waiting = [one for one in await self.deliveries() if one.state == "waiting"]
        return [json.loads(one.new.post)["text"] for one in waiting]

    async def dead(self) -> list[int]:
        """The offsets of dead letters."""
        return [one.new.offset for one in await self.deliveries() if one.state == "dead"]

    async def books(self, topic: str = T) -> TopicBooks:
        """The books of a topic, which balance."""
        (found,) = await books(self.store, {UIDS[topic]: topic})
        assert found.balanced, found
        return found


async def keep(router: Router, clock: ManualClock) -> None:
    """Run a router, again and again while the store fails it, as its keeper does."""
    while True:
        try:
            await router.run()
        except StoreError:
            await clock.sleep(1.0)
        else:
            return


@asynccontextmanager
async def routed(routing: Routing, *routers: Router) -> AsyncIterator[Routing]:
    """Routers (one of topic T unless given) work; at the end the books balance."""
    begun = routers or (routing.router(),)
    keepers = [asyncio.create_task(keep(router, routing.clock)) for router in begun]
    try:
        await routing.passes()
        yield routing
        for router in begun:
            await routing.books(router.topic.name)
    finally:
        for router in begun:
            router.stop()
        await routing.passes(2.0)
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
