"""Topics: made, opened to users, tied to a schema, and removed with their messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.conflicts import retry_on_conflict
from broker.errors import AlreadyExists, CursorMoved, VersionMoved
from broker.model import Commit, CursorMove, Put
from broker.names import check_name, child_key, subscription_cursor, tally_cursor
from broker.records import Project, Subscription, Topic
from broker.store import Store
from broker.tally import Tally
from broker.tokens import Entropy, random_uid


def topic_key(topic: Topic) -> str:
    """A topic's catalog key."""
    return child_key(topic.project_uid, topic.name)


class TopicLogs:
    """Makes and removes the topics of a project, by name, with their logs."""

    def __init__(self, store: Store, cache: CatalogCache, clock: Clock, entropy: Entropy, tally: Tally) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._entropy = entropy
        self._tally = tally

    async def create(
        self, project: Project, name: str, *, schema_uid: str = "", decode: str = "auto", created_by: str = ""
    ) -> Topic:
        """A new, empty topic. Raises AlreadyExists, InvalidName.

        Subscriptions left behind by a deleted topic of this name are attached to it, from its beginning (ams-api.md
        7.6).
        """
        now_us = self._clock.wall_us()
        topic = Topic(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            project_uid=project.uid,
            name=check_name("topic", name),
            schema_uid=schema_uid,
            decode=decode,
        )
        left_behind = self.subscriptions(topic)
        if not left_behind:
            return await self._cache.create(topic, topic_key(topic))
        return await self._create_attached(topic, left_behind)

    async def delete(self, topic: Topic) -> None:
        """Remove a topic and its messages for ever; its subscriptions stay (ams-api.md 7.6)."""
        await self._tally.count(topic)
        await self._cache.remove(topic)
        await self._tally.count(topic)  # what was published between the two
        await self._store.log.drop(topic.uid)
        await self._store.cursors.delete(tally_cursor(topic.uid))

    async def set_acl(self, topic: Topic, user_uids: Sequence[str]) -> Topic:
        """Replace the access list. Raises NotFound."""
        return await self._change(topic, lambda current: msgspec.structs.replace(current, acl=tuple(user_uids)))

    async def set_schema(self, topic: Topic, schema_uid: str) -> Topic:
        """Check messages against this schema from now on; an empty uid checks nothing. Raises NotFound."""
        return await self._change(topic, lambda current: msgspec.structs.replace(current, schema_uid=schema_uid))

    async def set_decode(self, topic: Topic, decode: str) -> Topic:
        """Say how rules decode the topic's messages. Raises NotFound."""
        return await self._change(topic, lambda current: msgspec.structs.replace(current, decode=decode))

    def subscriptions(self, topic: Topic) -> list[Subscription]:
        """The topic's subscriptions, in the order of creation."""
        in_project = self._cache.list_all(Subscription, child_key(topic.project_uid, ""))
        return [subscription for subscription in in_project if subscription.topic_name == topic.name]

    async def _change(self, topic: Topic, edit: Callable[[Topic], Topic]) -> Topic:
        def stamp(current: Topic) -> Topic:
            return msgspec.structs.replace(edit(current), modified_us=self._clock.wall_us())

        return await self._cache.change(topic, topic_key, stamp)

    async def _create_attached(self, topic: Topic, subscriptions: Sequence[Subscription]) -> Topic:
        key = topic_key(topic)

        async def step() -> Topic:
            moves = []
            for subscription in subscriptions:
                cursor = await self._store.cursors.get(subscription_cursor(subscription.uid))
                if cursor is not None:
                    moves.append(CursorMove(replace(cursor, offset=0, pending_to=0, pending_at_us=0)))
            try:
                await self._store.commit(Commit(cursors=moves, catalog=[Put(key, topic, expected_version=0)]))
            except VersionMoved as moved:
                raise AlreadyExists("topic", topic.name) from moved
            await self._cache.refresh_written("topic", key)
            return topic

        return await retry_on_conflict(step, what="where the topic's subscriptions stand", on=CursorMoved)
