"""From when until when, as people say it: ``2h``, ``last night``, ``02:00`` to ``03:00``, or times of a calendar."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_times import rfc3339
from broker.clock import US_PER_S
from broker.days import moment
from rules.rendering.filters import zone_of
from rules.source.bounds import moment_us
from rules.source.words import duration_s, suggest

LONGEST_SPAN_S: Final = 366 * 86_400
"""No span is longer: what is kept is younger."""
_US: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3])(?::([0-5][0-9])(?::([0-5][0-9]))?)?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LOOKS_LIKE_DURATION: Final = re.compile(r"[0-9.]+(?:ms|[smhdw])[0-9.smhdw]*", re.ASCII)
_LONG_AGO: Final = "365d"
_HOW: Final = (
    "write a length of time such as 2h, a time of day such as 02:00, a time such as 2026-01-05 02:00, or one of: "
)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From ``since_us`` until before ``until_us``; ``zone`` is whose clock was meant."""

    since_us: int
    until_us: int
    zone: tzinfo

    @property
    def length_us(self) -> int:
        """How long it is."""
        return self.until_us - self.since_us

    def texts(self) -> dict[str, str]:
        """The span as an address says it, exact and in UTC."""
        return {"from": rfc3339(self.since_us), "to": rfc3339(self.until_us)}


def read_span(begin: str, end: str, zone_name: str, now_us: int, default: str = "2h") -> TimeSpan:
    """The span that two texts name; without ``end`` it ends where ``begin`` does, or now. Raises InvalidInput.

    A time of day is the last one that has come; one that ends a span is the first one behind its beginning.
    """
    zone = _zone(zone_name)
    now = moment(now_us).astimezone(zone)
    since, until = _begin(begin.strip() or default, now)
    if end.strip():
        until = _end(end.strip(), since, now)
    since_us, until_us = _us(since, "from"), _us(until, "to")
    if until_us <= since_us:
        raise InvalidInput("to", f"a span ends later than it begins: {_show(since)} is not before {_show(until)}")
    if until_us - since_us > LONGEST_SPAN_S * US_PER_S:
        raise InvalidInput("from", "a span is a year long at most")
    return TimeSpan(since_us, until_us, zone)


def read_span_or_none(begin: str, end: str, zone_name: str, now_us: int) -> TimeSpan | None:
    """The span that is asked for, a year back where only its end is said; None when nothing is. Raises InvalidInput."""
    if not (begin.strip() or end.strip()):
        return None
    return read_span(begin, end, zone_name, now_us, _LONG_AGO)


def zone_name_of(zone: tzinfo) -> str:
    """The zone's name, as an address says it."""
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def _zone(name: str) -> tzinfo:
    if not name.strip():
        return UTC
    try:
        return zone_of(name.strip())
    except ValueError as error:
        raise InvalidInput("zone", str(error)) from error


def _begin(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Where a span begins, and where it ends when nothing else is said."""
    word = " ".join(text.lower().removeprefix("the ").split())
    if word in _WORDS:
        return _WORDS[word](now)
    if word in _LASTS:
        return now - _LASTS[word], now
    if _LOOKS_LIKE_DURATION.fullmatch(word):
        return now - _length(word, "from"), now
    at = _time(text, now, "from")
    whole_day = _DATE.fullmatch(text.strip()) is not None
    return at, min(now, _midnight(at, 1)) if whole_day and at < now else now


def _end(text: str, since: datetime, now: datetime) -> datetime:
    word = " ".join(text.lower().split())
    if word == "now":
        return now
    if word.startswith("+"):
        return _move(since, _length(word[1:].strip(), "to"))
    if _LOOKS_LIKE_DURATION.fullmatch(word):
        return now - _length(word, "to")
    clock = _CLOCK.fullmatch(word)
    if clock is not None:
        at = _at_clock(since, clock)
        return at if at > since else _at_clock(_midnight(since, 1), clock)
    return _time(text, now, "to")


def _time(text: str, now: datetime, place: str) -> datetime:
    """A time of day, the last that came, or a time of the calendar, by the zone's clock where it names no other."""
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        at = _at_clock(now, clock)
        return at if at <= now else _at_clock(_midnight(now, -1), clock)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        known = [*_WORDS, *_LASTS, "now"]
        how = suggest(text.lower(), known) or f"; {_HOW}{', '.join(known)}"
        raise InvalidInput(place, f'"{text[:40]}" is no time{how}') from error
    return at.replace(tzinfo=now.tzinfo) if at.tzinfo is None else at


def _length(text: str, place: str) -> timedelta:
    try:
        return timedelta(seconds=duration_s(text))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(place, str(error)) from error


def _move(at: datetime, by: timedelta) -> datetime:
    try:
        return (at.astimezone(UTC) + by).astimezone(at.tzinfo)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("to", "that is beyond the calendar") from error


def _at_clock(day: datetime, clock: re.Match[str]) -> datetime:
    hour, minute, second = (int(part or 0) for part in clock.groups())
    return datetime.combine(day.date(), time(hour, minute, second), day.tzinfo)


def _midnight(at: datetime, days: int = 0) -> datetime:
    return datetime.combine(at.date() + timedelta(days=days), time(), at.tzinfo)


def _last_night(now: datetime) -> tuple[datetime, datetime]:
    """From ten in the evening to seven in the morning; while it is night, the one that is."""
    evening = datetime.combine(now.date() - timedelta(days=1), time(22), now.tzinfo)
    return evening, min(now, datetime.combine(now.date(), time(7), now.tzinfo))


def _week(now: datetime, back: int) -> tuple[datetime, datetime]:
    monday = _midnight(now, -now.weekday() - 7 * back)
    return monday, min(now, _midnight(monday, 7))


_WORDS: Final[Mapping[str, Callable[[datetime], tuple[datetime, datetime]]]] = {
    "today": lambda now: (_midnight(now), now),
    "yesterday": lambda now: (_midnight(now, -1), _midnight(now)),
    "last night": _last_night,
    "this morning": lambda now: (_midnight(now), min(now, datetime.combine(now.date(), time(12), now.tzinfo))),
    "this week": lambda now: _week(now, 0),
    "last week": lambda now: _week(now, 1),
}
_LASTS: Final[Mapping[str, timedelta]] = {
    "last hour": timedelta(hours=1),
    "last day": timedelta(days=1),
}


def _us(at: datetime, place: str) -> int:
    try:
        return moment_us(max(0, (at.astimezone(UTC) - _EPOCH) // _US), place)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(place, f"{at} is beyond the times that are known") from error


def _show(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
