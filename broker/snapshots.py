"""Snapshots: named places in a topic that subscriptions can be moved back to, as in Google Pub/Sub.

A snapshot keeps a place, not messages: what retention removes meanwhile is gone, and a subscription moved there begins
with the oldest message that is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from broker.catalog_cache import CatalogCache
from broker.clock import Clock, us
from broker.errors import AlreadyExists, NotFound
from broker.names import check_name, child_key
from broker.records import Project, Snapshot, Subscription, Topic
from broker.tokens import Entropy, random_uid

LASTS_S: Final = 7 * 86_400.0


class Snapshots:
    """The snapshots of projects, by name; each is forgotten after a week."""

    def __init__(self, cache: CatalogCache, clock: Clock, entropy: Entropy) -> None:
        self._cache = cache
        self._clock = clock
        self._entropy = entropy

    async def create(
        self,
        project: Project,
        name: str,
        topic: Topic,
        offset: int,
        *,
        labels: Mapping[str, str] | None = None,
        created_by: str = "",
    ) -> Snapshot:
        """Keep a place of a topic. Raises AlreadyExists, InvalidName."""
        now_us = self._clock.wall_us()
        check_name("snapshot", name)
        before = self._cache.find(Snapshot, child_key(project.uid, name))
        if before is not None:
            if self.find(project, name) is not None:
                raise AlreadyExists("snapshot", name)
            await self._cache.remove(before)
        snapshot = Snapshot(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            project_uid=project.uid,
            name=name,
            topic_name=topic.name,
            topic_uid=topic.uid,
            offset=offset,
            expires_us=now_us + us(LASTS_S),
            labels=dict(labels or {}),
        )
        return await self._cache.create(snapshot, child_key(project.uid, name))

    def find(self, project: Project, name: str) -> Snapshot | None:
        """A snapshot by name, or None; one that is past its time is none."""
        snapshot = self._cache.find(Snapshot, child_key(project.uid, name))
        return snapshot if snapshot is not None and snapshot.expires_us > self._clock.wall_us() else None

    def all(self, project: Project) -> list[Snapshot]:
        """A project's snapshots, in the order of creation."""
        now_us = self._clock.wall_us()
        return [
            snapshot
            for snapshot in self._cache.list_all(Snapshot, child_key(project.uid, ""))
            if snapshot.expires_us > now_us
        ]

    def place_for(self, snapshot: Snapshot, subscription: Subscription, topic: Topic) -> int:
        """The offset that a subscription is moved to. Raises NotFound when the snapshot is not of its topic."""
        if snapshot.topic_uid != topic.uid:
            raise NotFound("snapshot", f"{snapshot.name} of {subscription.topic_name}")
        return snapshot.offset

    async def delete(self, snapshot: Snapshot) -> None:
        """Forget a snapshot; nothing that was moved to it moves."""
        await self._cache.remove(snapshot)

    async def sweep(self) -> int:
        """Forget those past their time, and say how many went."""
        now_us = self._clock.wall_us()
        expired = [snapshot for snapshot in self._cache.list_all(Snapshot) if snapshot.expires_us <= now_us]
        if expired:
            await self._cache.remove(*expired)
        return len(expired)
