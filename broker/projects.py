"""Projects: made, changed, and removed with everything in them."""

from __future__ import annotations

import msgspec

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.names import check_name, child_key, subscription_cursor
from broker.records import Project, Schema, Snapshot, Subscription, Topic
from broker.store import Store
from broker.tokens import Entropy, random_uid


class Projects:
    """Makes, changes and removes projects, the tenants of the service."""

    def __init__(self, store: Store, cache: CatalogCache, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._entropy = entropy

    async def create(self, name: str, description: str = "", created_by: str = "") -> Project:
        """A new, empty project. Raises AlreadyExists, InvalidName."""
        now_us = self._clock.wall_us()
        project = Project(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            name=check_name("project", name),
            description=description,
        )
        return await self._cache.create(project, name)

    async def update(self, project: Project, *, name: str = "", description: str = "") -> Project:
        """Rename or describe a project; empty texts keep what stands. Raises NotFound, AlreadyExists, InvalidName."""
        if name:
            check_name("project", name)

        def edit(current: Project) -> Project:
            return msgspec.structs.replace(
                current,
                name=name or current.name,
                description=description or current.description,
                modified_us=self._clock.wall_us(),
            )

        return await self._cache.change(project, lambda changed: changed.name, edit)

    async def delete(self, project: Project) -> None:
        """Remove a project with its topics, messages, subscriptions and schemas; memberships of users stay (7.8)."""
        prefix = child_key(project.uid, "")
        topics = self._cache.list_all(Topic, prefix)
        subscriptions = self._cache.list_all(Subscription, prefix)
        left: list[Schema | Snapshot] = [*self._cache.list_all(Schema, prefix), *self._cache.list_all(Snapshot, prefix)]
        await self._cache.remove(project, *topics, *subscriptions, *left)
        for subscription in subscriptions:
            await self._store.cursors.delete(subscription_cursor(subscription.uid))
        for topic in topics:
            await self._store.log.drop(topic.uid)
