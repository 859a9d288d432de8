"""Subscriptions: made at their topic's end, opened to users, given a deadline or an address to push to, and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from broker.attribute_filters import read_filter
from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import AlreadyExists
from broker.model import Cursor
from broker.names import check_name, child_key, subscription_cursor
from broker.records import Project, PushConfig, Subscription, Topic
from broker.store import Store
from broker.tokens import Entropy, random_uid


def subscription_key(subscription: Subscription) -> str:
    """A subscription's catalog key."""
    return child_key(subscription.project_uid, subscription.name)


class Subscriptions:
    """The consumers of a project's topics, by name."""

    def __init__(self, store: Store, cache: CatalogCache, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._entropy = entropy

    async def create(
        self,
        project: Project,
        name: str,
        topic: Topic,
        *,
        ack_deadline_s: int = 10,
        push: PushConfig | None = None,
        acl: Sequence[str] = (),
        filter_text: str = "",
        created_by: str = "",
    ) -> Subscription:
        """A new subscription; messages published before it are not seen.

        Raises AlreadyExists, InvalidName, InvalidFilter.
        """
        if filter_text:
            read_filter(filter_text)
        now_us = self._clock.wall_us()
        subscription = Subscription(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            project_uid=project.uid,
            name=check_name("subscription", name),
            topic_name=topic.name,
            ack_deadline_s=ack_deadline_s,
            acl=tuple(acl),
            push=push or PushConfig(),
            filter=filter_text,
        )
        if self._cache.subscription(project.uid, name) is not None:
            raise AlreadyExists("subscription", name)
        end = (await self._store.log.bounds(topic.uid)).end
        cursor_id = subscription_cursor(subscription.uid)
        await self._store.cursors.put(Cursor(cursor_id, offset=end))
        try:
            return await self._cache.create(subscription, subscription_key(subscription))
        except AlreadyExists:
            await self._store.cursors.delete(cursor_id)
            raise

    async def delete(self, subscription: Subscription) -> None:
        """Remove a subscription and its cursor."""
        await self._cache.remove(subscription)
        await self._store.cursors.delete(subscription_cursor(subscription.uid))

    async def set_acl(self, subscription: Subscription, user_uids: Sequence[str]) -> Subscription:
        """Replace the access list. Raises NotFound."""
        return await self.change(subscription, lambda now: msgspec.structs.replace(now, acl=tuple(user_uids)))

    async def set_ack_deadline(self, subscription: Subscription, ack_deadline_s: int) -> Subscription:
        """Give consumers this long to acknowledge. Raises NotFound."""
        return await self.change(subscription, lambda now: msgspec.structs.replace(now, ack_deadline_s=ack_deadline_s))

    async def set_filter(self, subscription: Subscription, filter_text: str) -> Subscription:
        """Hand out only what the filter admits, from the next pull on. Raises NotFound, InvalidFilter."""
        if filter_text:
            read_filter(filter_text)
        return await self.change(subscription, lambda now: msgspec.structs.replace(now, filter=filter_text))

    async def change(self, subscription: Subscription, edit: Callable[[Subscription], Subscription]) -> Subscription:
        """Replace the record by ``edit`` of how it stands now, such as its push configuration. Raises NotFound."""

        def stamp(current: Subscription) -> Subscription:
            return msgspec.structs.replace(edit(current), modified_us=self._clock.wall_us())

        return await self._cache.change(subscription, subscription_key, stamp)

    def topic_of(self, subscription: Subscription) -> Topic | None:
        """The topic it reads from, or None while that is deleted."""
        return self._cache.topic(subscription.project_uid, subscription.topic_name)
