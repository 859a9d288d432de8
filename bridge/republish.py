"""Publishing to our own topics on behalf of a destination: the broker, found by full topic names."""

from __future__ import annotations

from broker.broker import Broker
from broker.errors import NotFound
from broker.model import NewMessage
from broker.records import Topic


class Republisher:
    """See destinations.topic.Topics."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def exists(self, topic: str) -> bool:
        """See Topics."""
        return self._found(topic) is not None

    async def publish(self, topic: str, message: NewMessage, producer_key: str) -> None:
        """See Topics."""
        found = self._found(topic)
        if found is None:
            raise NotFound("topic", topic)
        await self._broker.publish(found, [message], producer_key)

    def _found(self, name: str) -> Topic | None:
        _, project_name, _, topic_name = name.split("/")
        project = self._broker.cache.project(project_name)
        return self._broker.cache.topic(project.uid, topic_name) if project is not None else None
