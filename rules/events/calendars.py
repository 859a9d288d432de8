"""Calendars of others: the periods of their events, as the last good copy of each has them.

A copy is replaced when a newer one was read, so a CalendarShelf changes while the rules that look at it stay.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rules.events.moments import from_us


@dataclass(frozen=True, slots=True, order=True)
class CalendarPeriod:
    """One event of a calendar, or one of its repetitions: ``until_us`` is the first moment after it."""

    from_us: int
    until_us: int
    summary: str


@dataclass(frozen=True, slots=True)
class CalendarCopy:
    """A calendar as it was read: ``read_us`` says when; 0 is a file, which is as old as the settings.

    ``digest`` changes with what it holds.
    """

    periods: tuple[CalendarPeriod, ...] = ()
    read_us: int = 0
    digest: str = ""

    def covering(self, now_us: int) -> list[CalendarPeriod]:
        """The periods in which a moment lies, in the order in which they began."""
        return [period for period in self.periods if period.from_us <= now_us < period.until_us]


class CalendarShelf:
    """The copies of all calendars, by name. One that was never read holds nothing."""

    def __init__(self) -> None:
        self._copies: dict[str, CalendarCopy] = {}

    def put(self, name: str, copy: CalendarCopy) -> bool:
        """Take a newer copy; says whether it holds something else than the one before."""
        before = self._copies.get(name)
        self._copies[name] = copy
        return before is None or before.digest != copy.digest

    def copy_of(self, name: str) -> CalendarCopy:
        """The copy that counts now."""
        return self._copies.get(name, _NOTHING)

    def list_copies(self) -> dict[str, CalendarCopy]:
        """All copies by name."""
        return dict(self._copies)


_NOTHING = CalendarCopy()


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """The part of an interval that is within the events of a calendar."""

    shelf: CalendarShelf
    name: str

    @property
    def digest(self) -> str:
        """What changes when the calendar does."""
        return self.shelf.copy_of(self.name).digest

    def covers(self, now_us: int) -> bool:
        """Whether a moment lies within an event."""
        return bool(self.shelf.copy_of(self.name).covering(now_us))

    def moments_of(self, day: dt.date, zone: ZoneInfo) -> Iterator[dt.datetime]:
        """When events begin and end on a day of the zone's calendar."""
        for period in self.shelf.copy_of(self.name).periods:
            for edge_us in (period.from_us, period.until_us):
                moment = from_us(edge_us)
                if moment.astimezone(zone).date() == day:
                    yield moment
