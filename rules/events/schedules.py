"""Schedules: at which moments something is told, by the clock on the wall of a zone.

A time that is left out when the clock is set happens as it is set; one that comes twice happens once, at first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from rules.events.intervals import IntervalEntry
from rules.events.moments import from_us, us_of
from rules.events.wall_times import wall_moment

MissedReports: TypeAlias = Literal["tell", "skip"]
"""Whether what a schedule missed while the bridge was down is told late."""
_SEARCHED_DAYS: Final = 366 * 9
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes of the day at which something happens, on days that fit one of ``days``.

    ``digest`` changes with what it says.
    """

    zone: ZoneInfo
    minutes: tuple[int, ...]
    days: tuple[IntervalEntry, ...]
    digest: str = ""

    def next_us(self, after_us: int) -> int | None:
        """When it happens next, later than ``after_us``; None if not within nine years."""
        return next((at_us for at_us in self._moments(after_us) if at_us > after_us), None)

    def last_us(self, since_us: int, now_us: int) -> int | None:
        """When it happened last, from ``since_us`` up to ``now_us``; None when it did not."""
        last_us = None
        for at_us in self._moments(since_us):
            if at_us > now_us:
                break
            last_us = at_us if at_us >= since_us else last_us
        return last_us

    def _moments(self, from_us_: int) -> Iterator[int]:
        """All moments of the days from the one of ``from_us_`` on, in order."""
        today = from_us(from_us_).astimezone(self.zone).date()
        for ahead in range(-1, _SEARCHED_DAYS):
            day = today + ahead * _DAY
            if any(entry.fits_day(day) for entry in self.days):
                yield from sorted({us_of(wall_moment(self.zone, day, minute)) for minute in self.minutes})


@dataclass(frozen=True, slots=True)
class Scheduled:
    """``schedule:``: when a rule reports, of what time (None: since its last report) and of which rules (none: all)."""

    schedule: Schedule
    over_s: float | None = None
    rules: tuple[str, ...] = ()
    missed: MissedReports = "tell"
