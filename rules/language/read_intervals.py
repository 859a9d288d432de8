"""Reads the named intervals of bridge.yaml; what they mean is in ``intervals.py``.

An interval is a mapping, or a list of mappings of which one must fit. Its keys, all optional but one::

    days: [mon-fri, sun]          weekdays; a range may run over Sunday
    times: ["09:00-17:00"]        the second excluded; 22:00-06:00 runs into the next day and belongs to the first
    months: [jan-mar, 12]
    days_of_month: [1-7, -1]      -1 is the last day
    years: [2026-2028]
    dates: [2026-05-01, 2026-12-24..2027-01-01, 12-25]     the last one: every year
    timezone: Europe/Athens       default UTC
    calendar: downtimes           a calendar of bridge.yaml: within its events
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from rules.events.calendars import CalendarPart, CalendarShelf
from rules.events.intervals import MINUTES_A_DAY, Interval, IntervalEntry
from rules.source.places import Document
from rules.source.problems import DocumentPath, Problem
from rules.source.words import suggest, suggest_of

T = TypeVar("T")

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
KEYS: Final = ("days", "times", "months", "days_of_month", "years", "dates", "timezone", "calendar")
_TIMES: Final = re.compile(r"(\d\d?):(\d\d) ?- ?(\d\d?):(\d\d)", re.ASCII)
_NUMBERS: Final = re.compile(r"(-?\d{1,4})(?: ?[-:] ?(-?\d{1,4}))?", re.ASCII)
_DATE: Final = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownCalendars:
    """The calendars that intervals may name, and the shelf with their copies."""

    names: tuple[str, ...] = ()
    shelf: CalendarShelf = field(default_factory=CalendarShelf)


NO_CALENDARS: Final = KnownCalendars()


def read_intervals(
    value: Any,
    document: Document,
    path: DocumentPath,
    problems: list[Problem],
    calendars: KnownCalendars = NO_CALENDARS,
) -> dict[str, Interval]:
    """The intervals of a mapping of names; what is wrong, all of it, is added to ``problems``."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(document.problem(path, "intervals are a mapping of names, such as office: {days: [mon-fri]}"))
        return {}
    return {
        name: read_interval(name, interval, document, (*path, name), problems, calendars)
        for name, interval in value.items()
    }


def read_interval(
    name: str,
    value: Any,
    document: Document,
    path: DocumentPath,
    problems: list[Problem],
    calendars: KnownCalendars = NO_CALENDARS,
) -> Interval:
    """One interval by its name. With a problem in it, it contains nothing."""
    several = value if isinstance(value, list) else [value]
    before = len(problems)
    spans: list[IntervalEntry] = []
    for number, entry in enumerate(several):
        at = (*path, number) if isinstance(value, list) else path
        if isinstance(entry, dict) and entry:
            spans.append(_Reader(document, at, problems, calendars).span(entry))
        else:
            example = 'days: [mon-fri], times: ["09:00-17:00"]'
            problems.append(document.problem(at, f"an interval is a mapping that is not empty, such as {{{example}}}"))
    if not several:
        problems.append(document.problem(path, "the interval is empty, so it would never be"))
    return Interval(name, tuple(spans) if len(problems) == before else ())


class _Reader:
    """Reads one span and collects its problems."""

    def __init__(
        self, document: Document, path: DocumentPath, problems: list[Problem], calendars: KnownCalendars
    ) -> None:
        self._calendars = calendars
        self._document = document
        self._path = path
        self._problems = problems

    def span(self, fields: dict[str, Any]) -> IntervalEntry:
        """The span that a mapping says."""
        for key in fields:
            if key not in KEYS:
                text = f'unknown key "{key}"{suggest_of(key, KEYS, "keys")}'
                self._problems.append(self._document.problem((*self._path, key), text, at_key=True))
        dates = self._each(fields, "dates", _dates)
        return IntervalEntry(
            zone=self._zone(fields),
            days=unite(self._each(fields, "days", lambda word: numbers_of(word, WEEKDAYS, "a weekday", "mon-fri", 0))),
            days_of_month=unite(self._each(fields, "days_of_month", read_days_of_month)),
            months=unite(self._each(fields, "months", lambda word: numbers_of(word, MONTHS, "a month", "jan-mar", 1))),
            years=unite(self._each(fields, "years", _years)),
            dates=None if dates is None else tuple(date for date in dates if isinstance(date[0], dt.date)),
            yearly=tuple(date for date in dates or () if isinstance(date[0], tuple)),
            times=self._each(fields, "times", _times),
            calendar=self._calendar(fields),
        )

    def _calendar(self, fields: dict[str, Any]) -> CalendarPart | None:
        name = fields.get("calendar")
        if name is None:
            return None
        if name not in self._calendars.names:
            near = suggest_of(str(name), self._calendars.names, "it has")
            self._say("calendar", f'no calendar "{name}" in bridge.yaml{near}')
        return CalendarPart(self._calendars.shelf, str(name))

    def _each(self, fields: dict[str, Any], key: str, read: Callable[[Any], T]) -> tuple[T, ...] | None:
        """Every entry of a list (or the one that stands without a list), read; None when the key is not there."""
        if key not in fields:
            return None
        entries = fields[key] if isinstance(fields[key], list) else [fields[key]]
        if not entries:
            self._say(key, f"{key} is empty, so it would never be; leave it out for no limit")
        values: list[T] = []
        for number, entry in enumerate(entries):
            try:
                values.append(read(entry))
            except ValueError as error:
                self._say(key, str(error), number if isinstance(fields[key], list) else None)
        return tuple(values)

    def _zone(self, fields: dict[str, Any]) -> ZoneInfo:
        try:
            return read_zone(fields.get("timezone", "UTC"))
        except ValueError as error:
            self._say("timezone", str(error))
            return ZoneInfo("UTC")

    def _say(self, key: str, text: str, number: int | None = None) -> None:
        path = (*self._path, key) if number is None else (*self._path, key, number)
        self._problems.append(self._document.problem(path, text))


def read_zone(name: Any) -> ZoneInfo:
    """The time zone of that name. Raises ValueError."""
    known = _zones()
    if isinstance(name, str) and name in known:
        return ZoneInfo(name)
    near = suggest(str(name), known)
    raise ValueError(f'there is no time zone "{name}"{near or "; write one such as Europe/Athens or UTC"}')


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def unite(several: tuple[Iterable[int], ...] | None) -> frozenset[int] | None:
    """All numbers of several lists; None of none."""
    return None if several is None else frozenset(number for some in several for number in some)


def numbers_of(value: Any, names: tuple[str, ...], what: str, example: str, start: int) -> list[int]:
    """The numbers of a name or a range of names (at least three letters of each), or of numbers where those count.

    Raises ValueError.
    """
    parts = [part.strip().lower() for part in str(value).split("-")]
    numbers: list[int] = []
    for part in parts:
        matching = [number for number, name in enumerate(names, start) if len(part) >= 3 and name.startswith(part)]
        if start and part.isdecimal() and 1 <= int(part) <= len(names):
            matching = [int(part)]
        numbers += matching[:1]
    if len(numbers) != len(parts) or len(parts) > 2:
        raise ValueError(
            f'"{value}" is not {what}{suggest(parts[0], names)}; write {names[0][:3]} or a range such as {example}'
        )
    first, last = numbers[0], numbers[-1]
    return [
        (number - start) % len(names) + start
        for number in range(first, last + 1 if first <= last else last + len(names) + 1)
    ]


def read_days_of_month(value: Any) -> list[int]:
    """Days of the month: one, or a range; from the end where they are negative. Raises ValueError."""
    match = _NUMBERS.fullmatch(str(value).strip())
    first = int(match[1]) if match else 0
    last = int(match[2]) if match and match[2] else first
    if not (1 <= abs(first) <= 31 and 1 <= abs(last) <= 31 and (first > 0) == (last > 0) and first <= last):
        raise ValueError(
            f'"{value}" is not a day of the month; write 1 to 31, -1 for the last, or a range such as 1-7 or -7:-1'
        )
    return list(range(first, last + 1))


def _years(value: Any) -> list[int]:
    match = _NUMBERS.fullmatch(str(value).strip())
    first = int(match[1]) if match else 0
    last = int(match[2]) if match and match[2] else first
    if not 1970 <= first <= last <= 9998:
        raise ValueError(f'"{value}" is not a year; write one such as 2026, or a range such as 2026-2028')
    return list(range(first, last + 1))


def _dates(value: Any) -> tuple[dt.date, dt.date] | tuple[tuple[int, int], tuple[int, int]]:
    first_text, dots, last_text = (part.strip() for part in str(value).partition(".."))
    first = _date(first_text, value)
    last = _date(last_text, value) if dots else first
    if isinstance(first, dt.date) and isinstance(last, dt.date):
        if last < first:
            raise ValueError(f'"{value}" ends before it begins')
        return first, last
    if isinstance(first, tuple) and isinstance(last, tuple):
        return first, last
    raise ValueError(f'"{value}" has a year on one side only; write it on both, or on none for every year')


def _date(text: str, value: Any) -> dt.date | tuple[int, int]:
    match = _DATE.fullmatch(text)
    year, month, day = match.groups() if match else ("0", "0", "0")
    try:
        date = dt.date(int(year or 2024), int(month), int(day))  # 2024 has a 29th of February
    except ValueError:
        example = "2026-05-01, 2026-12-24..2027-01-01, or 12-25 for every year"
        raise ValueError(f'"{value}" is not a date; write one such as {example}') from None
    return date if year else (date.month, date.day)


def _times(value: Any) -> tuple[int, int]:
    match = _TIMES.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f'"{value}" is not a span of time; write two times in quotes, such as "09:00-17:00"')
    first, last = (_minutes(match[1], match[2], value), _minutes(match[3], match[4], value))
    if first in {last, MINUTES_A_DAY}:
        raise ValueError(f'"{value}" holds no time; for the whole day leave times out')
    return first, last


def _minutes(hours: str, minutes: str, value: Any) -> int:
    count = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or count > MINUTES_A_DAY:
        raise ValueError(f'"{value}" has a time that no clock shows; times run from 00:00 to 24:00')
    return count
