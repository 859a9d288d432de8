"""Publishing to our own topics on behalf of a destination: the broker, found by full topic names."""

from __future__ import annotations

from fnmatch import fnmatchcase

import structlog

from bridge.core.tracing import CURRENT, trace_headers
from broker.broker import Broker
from broker.errors import AlreadyExists, NotFound
from broker.model import NewMessage
from broker.names import child_key
from broker.records import Project, Topic

log = structlog.get_logger("topics")


class Republisher:
    """See destinations.topic.Topics."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def exists(self, topic: str) -> bool:
        """See Topics."""
        return self._find(topic) is not None

    def name_of(self, uid: str) -> str:
        """See Topics."""
        cache = self._broker.cache
        topic = cache.find_by_uid(Topic, uid)
        project = cache.find_by_uid(Project, topic.project_uid) if topic is not None else None
        return f"projects/{project.name}/topics/{topic.name}" if topic is not None and project is not None else uid

    def count(self, topics: str) -> int:
        """See Topics."""
        _, project_name, _, glob = topics.split("/")
        project = self._broker.cache.project(project_name)
        if project is None:
            return 0
        there = self._broker.cache.list_all(Topic, child_key(project.uid, ""))
        return sum(fnmatchcase(topic.name, glob) for topic in there)

    async def create(self, topic: str) -> None:
        """See Topics."""
        _, project_name, _, topic_name = topic.split("/")
        project = self._broker.cache.project(project_name)
        if project is None:
            raise NotFound("project", project_name)
        try:
            await self._broker.topics.create(project, topic_name)
        except AlreadyExists:
            return  # another delivery, or another node, was faster; what it wrote was read by now
        log.info("a rule's send made a topic", topic=topic)

    async def publish(self, topic: str, message: NewMessage, producer_key: str) -> None:
        """See Topics."""
        record = self._find(topic)
        if record is None:
            raise NotFound("topic", topic)
        traced = {**message.attributes, **trace_headers(CURRENT.get())}
        await self._broker.publish(record, [NewMessage(message.data, traced)], producer_key)

    def _find(self, name: str) -> Topic | None:
        _, project_name, _, topic_name = name.split("/")
        project = self._broker.cache.project(project_name)
        return self._broker.cache.topic(project.uid, topic_name) if project is not None else None
