"""Retention: old messages go, by age and by size (semantics.md item 15).

Pull subscriptions follow AMS: what is trimmed is gone for them. A live router's or pusher's cursor is not passed,
unless the size limit cannot be kept otherwise; then the cursor is moved in one commit with the count of what it lost,
so the books still balance. A stored router cursor counts as a live router.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from broker.catalog_cache import CatalogCache
from broker.clock import Clock, moment_of, us
from broker.errors import CursorMoved
from broker.gaps import read_gaps
from broker.model import Bounds, Commit, Cursor, CursorMove
from broker.names import AUDIT_LOG, child_key, router_cursor, subscription_cursor
from broker.records import Subscription, Topic
from broker.store import Store

EXPIRED: Final = "expired"
"""The counter of messages that a router lost to the size limit."""

PUSH_EXPIRED: Final = "push_expired"
"""The counter of messages that push subscriptions lost to it."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long messages stay, and how much all of them may take; None means without bound."""

    keep_s: float | None
    keep_bytes: int | None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many messages went; ``expired`` of them had not been seen by a router or pusher: an alarm."""

    messages: int = 0
    expired: int = 0


class Retention:
    """Trims logs; a step for the daemon to take every minute or so."""

    def __init__(self, store: Store, cache: CatalogCache, clock: Clock, policy: RetentionPolicy) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self.policy = policy

    async def step(self) -> Trimmed:
        """Trim every topic once, by age, then by size."""
        topics = self._cache.list_all(Topic)
        gone = 0
        if self.policy.keep_s is not None:
            for topic in topics:
                gone += await self._trim_old(topic, self.policy.keep_s)
        if self.policy.keep_bytes is None:
            return Trimmed(gone)
        gone += await self._trim_large(topics, self.policy.keep_bytes)
        forced, expired = await self._trim_by_force(topics, self.policy.keep_bytes)
        return Trimmed(gone + forced, expired)

    async def sweep_orphans(self) -> int:
        """Drop logs whose topic is gone (a crash between the two removals) and say how many."""
        logs = await self._store.log.topics()
        known = {stored.record.uid for stored in await self._store.catalog.list("topic")} | {AUDIT_LOG}
        orphans = [uid for uid in logs if uid not in known]
        for uid in orphans:
            await self._store.log.drop(uid)
        return len(orphans)

    async def _trim_old(self, topic: Topic, keep_s: float) -> int:
        now = moment_of(self._clock)
        young = await self._store.log.offset_at(topic.uid, now.wall_us - us(keep_s), now)
        bounds = await self._store.log.bounds(topic.uid)
        return await self._trim(topic, bounds, bounds.end if young is None else young)

    async def _trim_large(self, topics: list[Topic], keep_bytes: int) -> int:
        """Cut every topic to its share of the limit, as far as routers and pushers allow."""
        gone = 0
        for topic, bounds, share in await self._shares(topics, keep_bytes):
            gone += await self._trim(topic, bounds, await self._store.log.offset_for_size(topic.uid, share))
        return gone

    async def _trim_by_force(self, topics: list[Topic], keep_bytes: int) -> tuple[int, int]:
        gone = expired = 0
        for topic, _, share in await self._shares(topics, keep_bytes):
            before = await self._store.log.offset_for_size(topic.uid, share)
            try:
                expired += await self._pass(topic, before)
            except CursorMoved:
                continue  # somebody is reading there right now; the next step sees where it got to
            gone += await self._store.log.trim(topic.uid, before)
        return gone, expired

    async def _shares(self, topics: list[Topic], keep_bytes: int) -> list[tuple[Topic, Bounds, int]]:
        """Each topic with the bytes it may keep, in proportion to what it takes; none while the total fits."""
        measured = [(topic, await self._store.log.bounds(topic.uid)) for topic in topics]
        total = sum(bounds.stored_bytes for _, bounds in measured)
        if total <= keep_bytes:
            return []
        return [(topic, bounds, bounds.stored_bytes * keep_bytes // total) for topic, bounds in measured]

    async def _trim(self, topic: Topic, bounds: Bounds, before: int) -> int:
        before = min([before, *(cursor.offset for cursor, _ in await self._holders(topic))])
        return await self._store.log.trim(topic.uid, before) if before > bounds.first else 0

    async def _pass(self, topic: Topic, before: int) -> int:
        """Move every router and pusher that stands below ``before`` up to it, counting what it never saw."""
        lost = 0
        for cursor, counter in await self._holders(topic):
            if before <= cursor.offset:
                continue
            missed = (
                before - cursor.offset - (await read_gaps(self._store, topic.uid)).count_within(cursor.offset, before)
            )
            moved = replace(cursor, offset=before, pending_to=0, pending_at_us=0)
            await self._store.commit(Commit(cursors=[CursorMove(moved)], counters={(topic.uid, counter): missed}))
            lost += missed
        return lost

    async def _holders(self, topic: Topic) -> list[tuple[Cursor, str]]:
        """The cursors that retention must not pass, each with the counter of what it may lose."""
        wanted = {router_cursor(topic.uid): EXPIRED}
        for subscription in self._cache.list_all(Subscription, child_key(topic.project_uid, "")):
            if subscription.topic_name == topic.name and subscription.push.type:
                wanted[subscription_cursor(subscription.uid)] = PUSH_EXPIRED
        cursors = [(await self._store.cursors.get(cursor_id), counter) for cursor_id, counter in wanted.items()]
        return [(cursor, counter) for cursor, counter in cursors if cursor is not None]
