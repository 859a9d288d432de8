"""The broker: the one thing the edges talk to. Everything it promises stands in the files it is made of."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from broker import acknowledge, publish, seek
from broker.beside import Beside
from broker.catalog_cache import CatalogCache
from broker.certificates import Certificates
from broker.clock import Clock
from broker.conflicts import retry_on_conflict
from broker.errors import CursorMoved, TopicMissing
from broker.keyed_locks import KeyedLocks
from broker.model import Appended, Message, NewMessage
from broker.people import People
from broker.projects import Projects
from broker.pull import PullService
from broker.records import Snapshot, Subscription, Topic
from broker.registrations import Registrations
from broker.schemas import Schemas
from broker.seek import Offsets
from broker.snapshots import Snapshots
from broker.store import Store
from broker.subscriptions import Subscriptions
from broker.tally import Tally
from broker.tokens import Entropy, Sealer
from broker.topics import TopicLogs
from broker.usage_metrics import UsageMetrics
from broker.users import Users

_CURSOR_TRIES: Final = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """``sealing_key`` (32 bytes) opens the stored tokens.

    ``max_staleness_s`` is for engines shared by several nodes.
    """

    sealing_key: bytes
    max_staleness_s: float | None = None
    pull_max_bytes: int = 64 * 1024 * 1024


class Broker:
    """Topics, subscriptions and users over one store.

    ``await load()`` before anything else, and keep ``cache.follow()`` running (and ``tally.count_all()`` every minute
    or so). Lookups go through ``cache``; changes through the part that owns the thing.
    """

    def __init__(self, store: Store, clock: Clock, settings: BrokerSettings, entropy: Entropy = os.urandom) -> None:
        self.store = store
        self.clock = clock
        self.entropy = entropy
        self.settings = settings
        self.cache = CatalogCache(store.catalog, clock, settings.max_staleness_s)
        self.tally = Tally(store, self.cache)
        self.metrics = UsageMetrics(store, self.cache, self.tally)
        self.projects = Projects(store, self.cache, clock, entropy)
        self.topics = TopicLogs(store, self.cache, clock, entropy, self.tally)
        self.subscriptions = Subscriptions(store, self.cache, clock, entropy)
        self.snapshots = Snapshots(self.cache, clock, entropy)
        self.schemas = Schemas(self.cache, clock, entropy)
        self.users = Users(self.cache, clock, entropy, Sealer(settings.sealing_key, entropy))
        self.people = People(self.cache, clock, entropy)
        self.registrations = Registrations(self.cache, clock, entropy, self.users)
        self.certificates = Certificates(self.cache, clock, entropy)
        self.pulls = PullService(store, clock, settings.pull_max_bytes)
        self._turns = KeyedLocks()
        self._beside = Beside()

    async def load(self) -> None:
        """Read the catalog. Raises StoreUnavailable."""
        await self.cache.load()

    async def publish(self, topic: Topic, messages: Sequence[NewMessage], producer_key: str | None = None) -> Appended:
        """Append a batch, all of it or nothing; durable when it returns (broker/publish.py)."""
        return await publish.publish(self.store.log, self.schemas, self._beside, topic, messages, producer_key)

    async def pull(self, subscription: Subscription, max_messages: int) -> Sequence[Message]:
        """Hand out messages from the cursor on, without moving it (broker/pull.py). Raises TopicMissing."""
        topic = self._topic_of(subscription)
        return await self._in_turn(subscription, lambda: self.pulls.pull(subscription, topic, max_messages))

    async def peek(self, subscription: Subscription, max_messages: int) -> Sequence[Message]:
        """What a pull would hand out, and nothing changes. Raises TopicMissing."""
        return await self.pulls.peek(subscription, self._topic_of(subscription), max_messages)

    async def acknowledge(self, subscription: Subscription, offset: int) -> None:
        """Move the cursor past ``offset`` (broker/acknowledge.py). Raises AckRefused."""
        await self._in_turn(
            subscription, lambda: acknowledge.acknowledge(self.store.cursors, self.clock, subscription, offset)
        )

    async def offsets(self, subscription: Subscription) -> Offsets:
        """Where the subscription stands (broker/seek.py)."""
        topic = self.subscriptions.topic_of(subscription)
        return await self._in_turn(subscription, lambda: seek.offsets(self.store, subscription, topic))

    async def modify_offset(self, subscription: Subscription, offset: int) -> None:
        """Move the cursor by hand (broker/seek.py). Raises OffsetOutOfBounds."""
        topic = self.subscriptions.topic_of(subscription)
        await self._in_turn(subscription, lambda: seek.modify_offset(self.store, subscription, topic, offset))

    async def offset_at(self, subscription: Subscription, time_us: int) -> int | None:
        """The offset of the first retained message published at or after a time, or None."""
        topic = self.subscriptions.topic_of(subscription)
        return None if topic is None else await self.store.log.offset_at(topic.uid, time_us)

    async def seek_to_time(self, subscription: Subscription, time_us: int) -> None:
        """Move the cursor to what was published at or after a time, or to the topic's end. Raises TopicMissing."""
        topic = self._topic_of(subscription)
        offset = await seek.offset_behind(self.store, topic, time_us)
        await self._in_turn(subscription, lambda: seek.move_within(self.store, subscription, topic, offset))

    async def seek_to_snapshot(self, subscription: Subscription, snapshot: Snapshot) -> None:
        """Move the cursor to where the snapshot was taken, or to the oldest message that is left since.

        Raises TopicMissing, and NotFound when the snapshot is of another topic.
        """
        topic = self._topic_of(subscription)
        offset = self.snapshots.place_for(snapshot, subscription, topic)
        await self._in_turn(subscription, lambda: seek.move_within(self.store, subscription, topic, offset))

    def _topic_of(self, subscription: Subscription) -> Topic:
        topic = self.subscriptions.topic_of(subscription)
        if topic is None:
            raise TopicMissing(subscription.topic_name)
        return topic

    async def _in_turn(self, subscription: Subscription, step: Callable[[], Awaitable[T]]) -> T:
        """Here one at a time per subscription; again when another node moved the cursor in between."""
        async with self._turns.lock_for(subscription.uid):
            return await retry_on_conflict(step, what="the cursor", on=CursorMoved, attempts=_CURSOR_TRIES)
