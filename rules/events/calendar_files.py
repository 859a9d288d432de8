"""Calendars in iCalendar's form (RFC 5545), as calendar programs export them: from bytes to periods of time.

Repetitions, exceptions and zones are worked out by ``icalendar`` and ``recurring-ical-events``, the extra ``calendar``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from rules.events.calendars import CalendarCopy, CalendarPeriod
from rules.events.moments import from_us, us_of
from rules.events.wall_times import wall_moment_of

MAX_CALENDAR_BYTES: Final = 4 * 1024 * 1024
SEEN_DAYS: Final = 400
"""How far back and ahead of the time of reading periods are worked out."""
MOST_PERIODS: Final = 10_000
_TOO_OFTEN: Final = frozenset({"SECONDLY", "MINUTELY", "HOURLY"})
_MISSING: Final = "this needs the Python packages of the extra calendar: pip install 'ams-bridge[calendar]'"


class BadCalendar(ValueError):
    """What was read is no calendar that can be used; the text says why."""


def read_calendar(body: bytes, zone: ZoneInfo, read_us: int, *, is_file: bool = False) -> CalendarCopy:
    """The periods of a calendar around the time of reading. Raises BadCalendar.

    Whole days, and times that name no zone, are those of ``zone``. Cancelled events are none.
    """
    try:
        import icalendar
        import recurring_ical_events
    except ImportError as error:
        raise BadCalendar(_MISSING) from error
    if len(body) > MAX_CALENDAR_BYTES:
        raise BadCalendar(f"the calendar is larger than {MAX_CALENDAR_BYTES >> 20} MiB")
    try:
        calendar = icalendar.Calendar.from_ical(body)
        _refuse_unusable(calendar)
        query = recurring_ical_events.of(calendar, skip_bad_series=True)
        occurrences = list(islice(_between(query, read_us), MOST_PERIODS + 1))
        periods = sorted({period for event in occurrences if (period := _period_of(event, zone)) is not None})
    except BadCalendar:
        raise
    except Exception as error:  # the libraries raise whatever strange bytes lead to
        raise BadCalendar(f"this is no calendar of iCalendar: {_in_a_line(error)}") from error
    if len(occurrences) > MOST_PERIODS:
        raise BadCalendar(f"the calendar has more than {MOST_PERIODS:,} events within {2 * SEEN_DAYS} days")
    digest = hashlib.sha256(repr(periods).encode(errors="surrogatepass")).hexdigest()[:16]
    return CalendarCopy(tuple(periods), 0 if is_file else read_us, digest)


def _between(query: Any, read_us: int) -> Iterator[Any]:
    span = dt.timedelta(days=SEEN_DAYS)
    last = from_us(read_us) + span
    return takewhile(lambda event: _aware(event.start, ZoneInfo("UTC")) < last, query.after(from_us(read_us) - span))


def _refuse_unusable(calendar: Any) -> None:
    """Refuse what is no calendar, and events that repeat within a day: working out a year of them takes minutes."""
    if calendar.name != "VCALENDAR":
        raise BadCalendar("this is no calendar of iCalendar: it begins with no BEGIN:VCALENDAR")
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            if {str(word).upper() for word in rule.get("FREQ", [])} & _TOO_OFTEN:
                name = str(event.get("SUMMARY", "an event"))[:100]
                raise BadCalendar(f'"{name}" repeats within a day; events may repeat daily or less often')


def _period_of(event: Any, zone: ZoneInfo) -> CalendarPeriod | None:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    begin, end = us_of(_aware(event.start, zone)), us_of(_aware(event.end, zone))
    return CalendarPeriod(begin, end, str(event.get("SUMMARY", "")).strip()) if end > begin else None


def _aware(value: dt.date, zone: ZoneInfo) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return wall_moment_of(zone, value) if value.tzinfo is None else value


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
