"""When a clock on the wall of a time zone shows a time, also on the days on which it is set.

A time that comes twice is the first of the two; one that is left out is the moment at which the clock is set forward.
"""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = dt.timedelta(seconds=1)


def wall_moment(zone: ZoneInfo, day: dt.date, minute: int) -> dt.datetime:
    """The moment, in UTC, at which the clock shows so many minutes after midnight of ``day`` (24:00 is the next)."""
    wall = dt.datetime.combine(day + dt.timedelta(days=minute // 1440), dt.time(minute % 1440 // 60, minute % 60))
    return wall_moment_of(zone, wall)


def wall_moment_of(zone: ZoneInfo, wall: dt.datetime) -> dt.datetime:
    """The moment, in UTC, at which the clock shows a date and time without a zone."""
    late = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    low = wall.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)  # left out: the clock is set between these two
    before = low.astimezone(zone).utcoffset()
    while late - low > _SECOND:
        middle = low + ((late - low) // _SECOND // 2) * _SECOND
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            late = middle
    return late
