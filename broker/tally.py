"""Messages counted by day (UTC), exactly once, from the log itself.

Publishing writes no counters. A cursor per topic says how far the log is counted; one commit moves it and adds
to the day's counters, so a crash or a second node repeats nothing. The counters belong to the project and carry the
topic's name: they outlive the topic and go on if the name is made again (ams-api.md D17).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from broker.catalog_cache import CatalogCache
from broker.conflicts import retry_on_conflict
from broker.days import day_of, start_of
from broker.errors import CursorMoved
from broker.gaps import read_gaps
from broker.model import Bounds, Commit, Cursor, CursorMove
from broker.names import child_key, tally_cursor
from broker.records import Topic
from broker.store import Store

_PREFIX: Final = "day/"


class Tally:
    """Counts what was published per topic and day.

    ``count_all`` is a step for the daemon to take every minute or so.
    """

    def __init__(self, store: Store, cache: CatalogCache) -> None:
        self._store = store
        self._cache = cache

    async def count_all(self) -> None:
        """Count every topic up to its end."""
        for topic in self._cache.list_all(Topic):
            await self.count(topic)

    async def count_project(self, project_uid: str) -> None:
        """Count every topic of a project up to its end."""
        for topic in self._cache.list_all(Topic, child_key(project_uid, "")):
            await self.count(topic)

    async def count(self, topic: Topic) -> None:
        """Add what was published since the last count to the topic's days. Raises StoreUnavailable."""

        async def step() -> None:
            bounds = await self._store.log.bounds(topic.uid)
            cursor_id = tally_cursor(topic.uid)
            cursor = await self._store.cursors.get(cursor_id) or Cursor(cursor_id, offset=0)
            if cursor.offset >= bounds.end:
                return
            days = await self._by_day(topic, cursor.offset, bounds)
            counters = {(topic.project_uid, f"{_PREFIX}{topic.name}/{day.isoformat()}"): n for day, n in days.items()}
            moved = CursorMove(replace(cursor, offset=bounds.end))
            await self._store.commit(Commit(cursors=[moved], counters=counters))

        await retry_on_conflict(step, what="what is counted of the topic", on=CursorMoved)

    async def days(self, project_uid: str) -> Mapping[tuple[str, date], int]:
        """Messages by topic name and day, over the project's whole life, deleted topics included."""
        await self.count_project(project_uid)
        by_day = {}
        for (_, name), n in (await self._store.counters(project_uid)).items():
            if name.startswith(_PREFIX):
                topic_name, _, day = name.removeprefix(_PREFIX).rpartition("/")
                by_day[topic_name, date.fromisoformat(day)] = n
        return by_day

    async def _by_day(self, topic: Topic, offset: int, bounds: Bounds) -> Mapping[date, int]:
        """Messages from ``offset`` to the end by day.

        Ones trimmed before they were counted go to the next one's day.
        """
        days: Counter[date] = Counter()
        gaps = await read_gaps(self._store, topic.uid)
        while offset < bounds.end:
            first = await self._store.log.read(topic.uid, offset, 1, 1)
            if not first or first[0].offset >= bounds.end:
                days[day_of(bounds.last_publish_us)] += bounds.end - offset - gaps.count_within(offset, bounds.end)
                break
            day = day_of(first[0].publish_time_us)
            next_day = await self._store.log.offset_at(topic.uid, start_of(day + timedelta(days=1)))
            stop = bounds.end if next_day is None else min(next_day, bounds.end)
            stop = max(stop, offset + 1)  # a day told by a clock that was wrong may have ended before, in true time
            days[day] += stop - offset - gaps.count_within(offset, stop)
            offset = stop
        return days
