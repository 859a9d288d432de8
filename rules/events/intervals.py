"""Named time intervals: ``office: {days: [mon-fri], times: ["09:00-17:00"], timezone: Europe/Athens}``.

An interval says what a clock and a calendar on the wall of its time zone show. So on the day on which an hour is left
out, a span within that hour does not happen; on the day on which an hour comes twice, a span within it happens twice.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from rules.events.calendars import CalendarPart
from rules.events.moments import us_of

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DAY: Final = dt.timedelta(days=1)
_SEARCHED_DAYS: Final = 366 * 9
"""How far ahead the next change is looked for: long enough for the longest gap between two 29ths of February."""

_YEAR_US: Final = 366 * 86_400_000_000
_EAST_MOST: Final = dt.timedelta(hours=24)
"""More than any zone is ahead of UTC."""

MINUTES_A_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class IntervalEntry:
    """One entry of an interval; every part that is not None must fit.

    ``days`` are weekdays (0 is Monday), ``days_of_month`` count from 1 or, negative, from the end; ``dates`` are pairs
    of first and last day; ``yearly`` the same as (month, day). ``times`` are minutes of the day, the second excluded; a
    pair that runs over midnight (second before first) belongs to the day on which it begins. ``calendar`` are
    the events of a calendar of others.
    """

    zone: ZoneInfo
    days: frozenset[int] | None = None
    days_of_month: frozenset[int] | None = None
    months: frozenset[int] | None = None
    years: frozenset[int] | None = None
    dates: tuple[tuple[dt.date, dt.date], ...] | None = None
    yearly: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    times: tuple[tuple[int, int], ...] | None = None
    calendar: CalendarPart | None = None

    @property
    def is_always(self) -> bool:
        """Whether nothing is left out."""
        parts = (self.days, self.days_of_month, self.months, self.years, self.dates, self.times, self.calendar)
        return all(part is None for part in parts)

    def contains(self, moment: dt.datetime) -> bool:
        """Whether an aware moment lies in the span."""
        if self.calendar is not None and not self.calendar.covers(us_of(moment)):
            return False
        wall = moment.astimezone(self.zone)
        today = wall.date()
        if self.times is None:
            return self.fits_day(today)
        minute = wall.hour * 60 + wall.minute
        begun_today = any(first <= minute and (minute < last or last < first) for first, last in self.times)
        if begun_today and self.fits_day(today):
            return True
        begun_before = any(last < first and minute < last for first, last in self.times)
        return begun_before and self.fits_day(today - _DAY)

    def fits_day(self, day: dt.date) -> bool:
        """Whether a day of the zone's calendar is one of the span's."""
        if self.days is not None and day.weekday() not in self.days:
            return False
        if self.months is not None and day.month not in self.months:
            return False
        if self.years is not None and day.year not in self.years:
            return False
        if self.days_of_month is not None:
            from_end = day.day - 1 - calendar.monthrange(day.year, day.month)[1]
            if not {day.day, from_end} & self.days_of_month:
                return False
        return self.dates is None or self._fits_date(day)

    def _fits_date(self, day: dt.date) -> bool:
        if any(first <= day <= last for first, last in self.dates or ()):
            return True
        month_day = (day.month, day.day)
        for first, last in self.yearly:
            within = first <= month_day <= last if first <= last else month_day >= first or month_day <= last
            if within:
                return True
        return False

    def moments_of(self, day: dt.date) -> Iterator[dt.datetime]:
        """All moments of a day of the zone's calendar at which the span may begin or end, midnight included."""
        minutes = {0}.union(*({first, last % MINUTES_A_DAY} for first, last in self.times or ()))
        for minute in minutes:
            wall = dt.datetime.combine(day, dt.time(minute // 60, minute % 60), self.zone)
            yield wall.astimezone(dt.UTC)
            yield wall.replace(fold=1).astimezone(dt.UTC)
        if self.calendar is not None:
            yield from self.calendar.moments_of(day, self.zone)
        shift = self._shift_on(day)
        if shift is not None:
            yield shift

    def _shift_on(self, day: dt.date) -> dt.datetime | None:
        """When the zone's distance from UTC changes on that day, to the second, or None."""
        low = dt.datetime.combine(day, dt.time(), self.zone).astimezone(dt.UTC)
        high = low + dt.timedelta(hours=26)
        before = low.astimezone(self.zone).utcoffset()
        if high.astimezone(self.zone).utcoffset() == before:
            return None
        while high - low > dt.timedelta(seconds=1):
            middle = low + ((high - low) // dt.timedelta(seconds=1) // 2) * dt.timedelta(seconds=1)
            if middle.astimezone(self.zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        return high


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of time that was worked out, until the next change, and whether it lies inside.

    ``change_us`` is None when there is none within the time searched; the answer then stands for a year. ``digests``
    are those of the calendars that were looked at.
    """

    start_us: int
    until_us: int
    change_us: int | None
    inside: bool
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """A named interval: all moments that lie in one of its spans."""

    name: str
    spans: tuple[IntervalEntry, ...]
    _last: list[_Stretch] = field(default_factory=list, compare=False, repr=False)

    def contains(self, now_us: int) -> bool:
        """Whether a moment lies in the interval."""
        return self._stretch_at(now_us).inside

    def next_change_us(self, now_us: int) -> int | None:
        """When the interval next begins or ends, after ``now_us``; None if not within nine years."""
        return self._stretch_at(now_us).change_us

    def _stretch_at(self, now_us: int) -> _Stretch:
        digests = tuple(span.calendar.digest for span in self.spans if span.calendar is not None)
        for last in self._last:
            if last.start_us <= now_us < last.until_us and last.digests == digests:
                return last
        now = _EPOCH + now_us * _MICROSECOND
        inside = self._inside(now)
        change = next((moment for moment in self._moments_after(now) if self._inside(moment) is not inside), None)
        change_us = None if change is None else (change - _EPOCH) // _MICROSECOND
        stretch = _Stretch(now_us, now_us + _YEAR_US if change_us is None else change_us, change_us, inside, digests)
        self._last[:] = [stretch]
        return stretch

    def _inside(self, moment: dt.datetime) -> bool:
        return any(span.contains(moment) for span in self.spans)

    def _moments_after(self, now: dt.datetime) -> Iterator[dt.datetime]:
        """All moments after ``now`` at which something may change, in order.

        Spans may lie in different zones, so the moments of a calendar day are given out only when no later day of any
        zone can begin before them.
        """
        if any(span.is_always for span in self.spans):
            return
        waiting: set[dt.datetime] = set()
        for ahead in range(-2, _SEARCHED_DAYS):
            day = now.date() + ahead * _DAY
            waiting.update(
                moment
                for span in self.spans
                if span.fits_day(day) or span.fits_day(day - _DAY)
                for moment in span.moments_of(day)
                if moment > now
            )
            safe = dt.datetime.combine(day + _DAY, dt.time(), dt.UTC) - _EAST_MOST
            ready = sorted(moment for moment in waiting if moment < safe)
            waiting.difference_update(ready)
            yield from ready
