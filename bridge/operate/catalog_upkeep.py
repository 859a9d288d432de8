"""Brings projects, topics and what belongs to them up to date, a line a change: for settings and for manifests.

Nothing is ever removed, and what already is as it should be is left alone, so that doing it twice does nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import msgspec

from broker.broker import Broker
from broker.errors import BrokerError, StoreError
from broker.records import Project, PushConfig, Subscription

T = TypeVar("T")


class CatalogUpkeep:
    """One pass over what should be: makes what is missing, changes what differs, and keeps a line for each in ``done``.

    ``refuse`` makes the error of a change (its line) that the broker refuses.
    """

    def __init__(self, broker: Broker, by: str, refuse: Callable[[str, BrokerError], Exception]) -> None:
        self._broker = broker
        self._by = by
        self._refuse = refuse
        self.done: list[str] = []

    async def do(self, line: str, step: Awaitable[T]) -> T:
        """Make one change, and note it; what the broker refuses is told with the change that it refuses."""
        try:
            made = await step
        except StoreError:
            raise
        except BrokerError as error:
            raise self._refuse(line, error) from error
        self.done.append(line)
        return made

    async def ensure_project(self, name: str, description: str) -> Project:
        """The project of this name, with this description unless that is empty."""
        projects, project = self._broker.projects, self._broker.cache.project(name)
        if project is None:
            return await self.do(f"project {name}: create", projects.create(name, description, self._by))
        if description and project.description != description:
            update = projects.update(project, description=description)
            return await self.do(f"project {name}: description", update)
        return project

    async def ensure_schema(
        self, project: Project, name: str, schema_type: Literal["json", "avro"], definition: dict[str, Any]
    ) -> None:
        """Let the project have a schema of this name, type and definition."""
        what, schemas = f"schema {project.name}/{name}", self._broker.schemas
        schema = self._broker.cache.schema(project.uid, name)
        if schema is None:
            await self.do(f"{what}: create", schemas.create(project, name, schema_type, definition, self._by))
        elif (schema.type, schema.definition) != (schema_type, definition):
            update = schemas.update(schema, schema_type=schema_type, definition=definition)
            await self.do(f"{what}: update", update)

    async def ensure_topic(
        self, project: Project, name: str, *, schema_name: str | None, schema_uid: str, decode: str
    ) -> None:
        """Let the project have a topic of this name; its schema and decoding stay where nothing is said of them."""
        what, topics = f"topic {project.name}/{name}", self._broker.topics
        topic = self._broker.cache.topic(project.uid, name)
        if topic is None:
            create = topics.create(project, name, schema_uid=schema_uid, decode=decode or "auto", created_by=self._by)
            await self.do(f"{what}: create", create)
            return
        if schema_name and topic.schema_uid != schema_uid:
            await self.do(f"{what}: schema {schema_name}", topics.set_schema(topic, schema_uid))
        if decode and topic.decode != decode:
            await self.do(f"{what}: decode {decode}", topics.set_decode(topic, decode))

    async def ensure_subscription(
        self, what: str, subscription: Subscription, *, ack_deadline_s: int, text: str
    ) -> None:
        """Let a subscription have this deadline, and the filter ``text`` unless that is empty."""
        subscriptions = self._broker.subscriptions
        if subscription.ack_deadline_s != ack_deadline_s:
            change = subscriptions.set_ack_deadline(subscription, ack_deadline_s)
            await self.do(f"{what}: ack deadline {ack_deadline_s} s", change)
        if text and subscription.filter != text:
            await self.do(f"{what}: filter", subscriptions.set_filter(subscription, text))

    async def ensure_push(self, what: str, subscription: Subscription, push: PushConfig) -> None:
        """Let a subscription be pushed so."""
        change = self._broker.subscriptions.change(subscription, lambda now: msgspec.structs.replace(now, push=push))
        await self.do(f"{what}: push", change)
