"""What the AMS metrics and reports are made of.

Numbers per topic, subscription and project, and by day (ams-api.md section 11).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from broker.access import is_member
from broker.catalog_cache import CatalogCache
from broker.days import DAY_US, start_of
from broker.gaps import read_gaps
from broker.names import child_key
from broker.pull import message_rate
from broker.records import AnyRecord, Project, Subscription, Topic, User
from broker.store import Store
from broker.tally import Tally


@dataclass(frozen=True, slots=True)
class TopicNumbers:
    """What was published to a topic over its life; ``last_publish_us`` 0 when nothing was."""

    messages: int
    bytes: int
    publish_rate: float
    last_publish_us: int


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """A project's use in a span of days. Topics, subscriptions and users are those created in it."""

    project: Project
    messages: int
    average_daily_messages: float
    topics: int
    subscriptions: int
    users: int


class UsageMetrics:
    """Answers from the logs, the cursors and the daily counters."""

    def __init__(self, store: Store, cache: CatalogCache, tally: Tally) -> None:
        self._store = store
        self._cache = cache
        self._tally = tally

    async def topic(self, topic: Topic) -> TopicNumbers:
        """The topic's counters, and the rate of its last publish: messages over the time since the one before."""
        bounds = await self._store.log.bounds(topic.uid)
        publish_rate = 0.0
        if bounds.last_publish_us:
            publish_rate = message_rate(bounds.last_batch, bounds.last_publish_us, bounds.previous_publish_us)
        received = bounds.end - (await read_gaps(self._store, topic.uid)).count_within(0, bounds.end)
        return TopicNumbers(received, bounds.bytes_total, publish_rate, bounds.last_publish_us)

    async def topic_days(self, topic: Topic) -> Mapping[date, int]:
        """Messages of a topic by day."""
        days = await self._tally.days(topic.project_uid)
        return {day: n for (name, day), n in days.items() if name == topic.name}

    async def project_days(self, project: Project) -> Mapping[date, int]:
        """Messages of a project by day, those of deleted topics included."""
        days: Counter[date] = Counter()
        for (_, day), n in (await self._tally.days(project.uid)).items():
            days[day] += n
        return days

    async def usage(self, projects: Sequence[Project], first: date, last: date) -> list[ProjectUsage]:
        """The use of each project from ``first`` to ``last``, both included.

        Those without a message in it are left out.
        """
        days_in_span = (last - first).days + 1
        usages = []
        for project in projects:
            counted = [n for day, n in (await self.project_days(project)).items() if first <= day <= last]
            if not counted:
                continue
            messages = sum(counted)
            members = [user for user in self._cache.list_all(User) if is_member(user, project.uid)]
            prefix = child_key(project.uid, "")
            usages.append(
                ProjectUsage(
                    project,
                    messages,
                    math.ceil(messages * 100 / days_in_span) / 100,
                    _count_created(self._cache.list_all(Topic, prefix), first, last),
                    _count_created(self._cache.list_all(Subscription, prefix), first, last),
                    _count_created(members, first, last),
                )
            )
        return usages


def _count_created(records: Sequence[AnyRecord], first: date, last: date) -> int:
    begin_us, end_us = start_of(first), start_of(last) + DAY_US
    return sum(1 for record in records if begin_us <= record.created_us < end_us)
