"""Brokers, projects and messages for tests: made with one thing changed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from broker.broker import Broker, BrokerSettings
from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.model import NewMessage
from broker.records import Project, Subscription, Topic
from broker.store import Store

SEALING_KEY = bytes(range(32))


def entropy(seed: int = 0):
    """Repeatable randomness."""
    source = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return source.randbytes


async def a_broker(
    clock: ManualClock | None = None, store: Store | None = None, max_staleness_s: float | None = None, seed: int = 0
) -> Broker:
    """A loaded broker on the memory engine."""
    clock = clock or ManualClock()
    settings = BrokerSettings(sealing_key=SEALING_KEY, max_staleness_s=max_staleness_s)
    broker = Broker(store or MemoryStore(clock), clock, settings, entropy(seed))
    await broker.load()
    return broker


def a_message(data: str = "bXNn", attributes: Mapping[str, str] | None = None) -> NewMessage:
    """A message to publish."""
    return NewMessage(data, attributes or {})


@dataclass
class Stage:
    """A broker with project P, topic T and subscription S."""

    broker: Broker
    clock: ManualClock
    project: Project
    topic: Topic
    subscription: Subscription

    async def publish(self, *data: str) -> list[int]:
        """Publish these texts and say their offsets."""
        appended = await self.broker.publish(self.topic, [a_message(text) for text in data])
        return list(range(appended.first, appended.first + appended.count))

    async def pull(self, n: int = 1) -> list[int]:
        """Pull and say the offsets."""
        return [message.offset for message in await self.broker.pull(self.subscription, n)]


async def a_stage(**changed) -> Stage:
    """P, T and S, with nothing published."""
    clock = ManualClock()
    broker = await a_broker(clock, **changed)
    project = await broker.projects.create("P")
    topic = await broker.topics.create(project, "T")
    subscription = await broker.subscriptions.create(project, "S", topic)
    return Stage(broker, clock, project, topic, subscription)
