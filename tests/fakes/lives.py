"""A bridge without its edges: broker, routers, silences and reloads as the daemon has them, on a store in memory.

Everything between a message and its deliveries is real; readers take deliveries when they are told to. Each rule says
in its text which phase, line of descent and key a post is about: so what readers believe can be read from the posts.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from bridge.app.removed_destinations import describe_left_behind, settle_removed
from bridge.operate.operator_context import OperatorContext
from bridge.operate.silencing import add_silence, expire_silence
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.ledger import all_balanced, books
from bridge.routing.nudges import Nudges
from bridge.routing.open_obligations import read_obligations
from bridge.routing.retired_rules import add_retired, list_kept_rule_sets
from bridge.routing.router import Router
from bridge.routing.rule_files import keep
from bridge.settings.model import MoveTo, RemovedDestination
from broker.broker import Broker, BrokerSettings
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.errors import StoreError
from broker.model import Attempt, Delivery, DeliveryQuery, NewMessage, SettleAgain, SettleDelivered, StateRow
from broker.records import SilenceRecord
from rules.deciding.quiet.rows import GroupRow, KeyRow, ThrottleRow, row_from_bytes
from rules.language.read import read_rules
from rules.language.sources import World
from rules.model import DestinationFacts
from rules.ruleset import RuleSet

TOPICS: Final = ("T", "OTHER")
_NO_TEMPLATES = Path(__file__).parent / "no templates"
_TOKEN = re.compile(r"\[(\w+):(\w+):([\w-]+)\](?:\s_Calm again after \d+ changes: (\w+))?")
_OVER = ("resolved", "stale")


@dataclass(frozen=True, slots=True)
class Config:
    """Rules, the destinations that exist, and what is said of those that were removed ("" is dead)."""

    rules: str
    destinations: tuple[str, ...] = ("ops", "mail")
    gone: tuple[tuple[str, str], ...] = ()

    @property
    def removed(self) -> dict[str, RemovedDestination]:
        """The settings' ``removed:``."""
        return {name: RemovedDestination(removed=MoveTo(move_to=to) if to else "dead") for name, to in self.gone}


@functools.lru_cache(maxsize=200)
def world_of(config: Config) -> World:
    """What the rules of a configuration may refer to."""
    return World(
        destinations={name: DestinationFacts(name, "inbox") for name in config.destinations},
        intervals={"office": {"times": [f"{h:02}:10-{h + 1:02}:00" for h in range(0, 23, 2)], "timezone": "UTC"}},
        shipped_templates=_NO_TEMPLATES,
        gone=dict(config.gone),
    )


@functools.lru_cache(maxsize=200)
def rule_set_of(config: Config) -> RuleSet:
    """The rules of a configuration."""
    return read_rules([("rules.yaml", config.rules)], world_of(config))


class Life:
    """What happens to one bridge. ``reload`` and ``restart`` do what the daemon does, in its order."""

    def __init__(self, config: Config) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        entropy = random.Random(7).randbytes  # noqa: S311 - repeatable, not secret
        self.broker = Broker(self.store, self.clock, BrokerSettings(sealing_key=bytes(32)), entropy)
        self.config = config
        self.config_in_force = config
        self.given_up: set[str] = set()
        self.moves: list[tuple[str, str]] = []
        self.held: list[Any] = []
        self.work: list[asyncio.Task[None]] = []
        self.in_force: ActiveConfig
        self.topics: dict[str, RoutedTopic] = {}

    async def begin(self) -> None:
        """Create the topics and start."""
        await self.broker.load()
        project = await self.broker.projects.create("P")
        for name in TOPICS:
            topic = await self.broker.topics.create(project, name)
            self.topics[name] = RoutedTopic(f"projects/P/topics/{name}", topic.uid)
        await self.start()

    async def start(self) -> None:
        """Put the configuration in force, as a start of the daemon does, and begin the routers."""
        config = self.config
        since_us = await keep(self.broker, rule_set_of(config))
        obligations = await read_obligations(self.store)
        self.in_force = ActiveConfig(
            add_retired(rule_set_of(config), obligations, list_kept_rule_sets(self.broker), world_of(config)), since_us
        )
        self.in_force.take_silences(self.broker.cache)
        await settle_removed(self.store, config.removed)
        self._gone(config)
        self.config_in_force = config
        self.begin_routers()

    def begin_routers(self) -> None:
        """Routers for both topics, and the follower of silences."""
        nudges = Nudges()
        for topic in self.topics.values():
            router = Router(topic, self.in_force.since_us, self.store, self.in_force, self.clock, nudges)
            self.work.append(asyncio.create_task(self._keep(router.run)))
        self.work.append(asyncio.create_task(self._keep(self._follow_silences)))

    async def _follow_silences(self) -> None:
        await self.in_force.follow_silences(self.broker.cache, self.store)

    async def _keep(self, run: Any) -> None:
        while True:
            try:
                await run()
            except StoreError:
                await self.clock.sleep(1.0)
            else:
                return

    async def crash(self) -> None:
        """Everything at work is gone, wherever it was."""
        for one in self.work:
            one.cancel()
        await asyncio.gather(*self.work, return_exceptions=True)
        self.work.clear()

    async def reload(self, config: Config) -> bool:
        """Take up another configuration, in the order in which the daemon does; False when it is refused."""
        obligations = await read_obligations(self.store)
        left = await describe_left_behind(self.store, obligations, {*config.destinations, *dict(config.gone)})
        before = self.config_in_force
        if set(left) & {*before.destinations, *dict(before.gone)}:
            return False
        since_us = await keep(self.broker, rule_set_of(config))
        whole = add_retired(
            rule_set_of(config), obligations, list_kept_rule_sets(self.broker), world_of(config), self.in_force.rule_set
        )
        self.in_force.swap(whole, since_us)
        self.config = self.config_in_force = config
        await settle_removed(self.store, config.removed)
        self._gone(config)
        await self.in_force.wake(self.store)
        return True

    def _gone(self, config: Config) -> None:
        self.given_up |= {name for name, to in config.gone if not to}
        self.moves += [(name, to) for name, to in config.gone if to]

    async def publish(self, topic: str, data: Mapping[str, Any]) -> None:
        """One message."""
        await self.store.log.append(self.topics[topic].uid, [NewMessage(json.dumps(data), {})])

    async def silence(self, matchers: Mapping[str, Any], for_s: float, *, keep_waiting: bool = False) -> None:
        """Add a silence that begins now."""
        now_us = self.clock.wall_us()
        await add_silence(
            self.source,
            matchers=matchers,
            starts_us=now_us,
            until_us=now_us + round(for_s * 1_000_000),
            who="ann",
            why="works",
            keep_waiting=keep_waiting,
        )

    async def lift(self, number: int) -> None:
        """End one of the silences that hold."""
        records = self.broker.cache.list_all(SilenceRecord)
        holding = [one for one in records if one.until_us > self.clock.wall_us()]
        if holding:
            await expire_silence(self.source, holding[number % len(holding)])

    async def lift_all(self) -> None:
        """End all silences."""
        for record in self.broker.cache.list_all(SilenceRecord):
            await expire_silence(self.source, record)

    @property
    def source(self) -> OperatorContext:
        """What the API works on, as far as silences need it."""
        return cast(OperatorContext, _Source(self.store, self.broker, self.clock, self.in_force, self.broker.entropy))

    async def readers_take(self, destination: str, limit: int, become: str) -> None:
        """Lease some deliveries; they arrive, fail unclearly, or stay leased."""
        for leased in await self.store.outbox.lease(destination, limit, 60.0):
            now_us = self.clock.wall_us()
            if become == "delivered":
                attempt = Attempt(now_us, 1, "delivered", "", counted=True)
                await self.store.outbox.settle(leased.token, SettleDelivered(), attempt)
            elif become == "unclear":
                attempt = Attempt(now_us, 1, "later", "no answer", counted=True, unclear=True)
                await self.store.outbox.settle(leased.token, SettleAgain(now_us), attempt)

    async def passes(self, seconds: float = 0.0, turns: int = 60) -> None:
        """Let time pass; over long times, in which routers look around each minute, with fewer turns each."""
        await self.clock.advance(0.0, turns=turns)
        await self.clock.advance(seconds, turns=turns if seconds < 60 else 15)
        await self.clock.advance(0.0, turns=turns)

    async def deliveries(self) -> Sequence[Delivery]:
        """All deliveries that people could read, oldest first: not what was taken back or given up."""
        found = await self.store.outbox.find(DeliveryQuery(limit=100_000))
        return [one for one in found[::-1] if one.state not in ("suppressed", "dropped", "shadow")]

    async def rows(self) -> list[tuple[StateRow, Any]]:
        """Every row of state, as stored and as read."""
        return [(row, row_from_bytes(row.key, row.value or b"")) for row in await self.store.state.list("", 10_000)]

    async def check_books(self) -> None:
        """Both books of both topics balance."""
        found = await books(self.store, {topic.uid: topic.name for topic in self.topics.values()})
        assert all_balanced(found), found


@dataclass(frozen=True, slots=True)
class _Source:
    store: MemoryStore
    broker: Broker
    clock: ManualClock
    in_force: ActiveConfig
    entropy: Any


def tokens_of(delivery: Delivery) -> list[tuple[str, str, str]]:
    """What a post says: phase, line of descent and key of each event in it. A calm says where it came to rest."""
    text = json.loads(delivery.new.post)["text"]
    return [(at_rest or phase, line, key) for phase, line, key, at_rest in _TOKEN.findall(text)]


def beliefs(deliveries: Sequence[Delivery]) -> dict[tuple[str, str, str], str]:
    """The last phase each destination heard of each (line of descent, key)."""
    heard: dict[tuple[str, str, str], str] = {}
    for delivery in deliveries:
        for phase, line, key in tokens_of(delivery):
            heard[line, key, delivery.new.destination] = phase
    return heard


def believed(heard: Mapping[tuple[str, str, str], str]) -> set[tuple[str, str, str]]:
    """What destinations believe to fire."""
    return {about for about, phase in heard.items() if phase not in _OVER}


def waits(rows: Sequence[tuple[StateRow, Any]]) -> bool:
    """Whether anything waits in groups or behind throttles."""
    return any(
        (isinstance(row, GroupRow) and row.held)
        or (isinstance(row, ThrottleRow) and (row.queue or row.stands_for))
        or (isinstance(row, KeyRow) and row.flaps is not None and row.flaps.since_us)
        for _, row in rows
    )
