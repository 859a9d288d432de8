"""Times as AMS writes and reads them (ams-api.md section 4.1)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from broker.clock import US_PER_S
from broker.days import moment

NEVER: Final = "0001-01-01T00:00:00Z"
_ZULU_MILLIS: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ](\d{1,2}):(\d{2}):(\d{2})[.,](\d{3})Z", re.ASCII)
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
"""After 400 years the calendar is the same again: so the year 0, which Python does not have, is read as 400."""


@lru_cache(maxsize=64)
def _seconds_text(seconds: int) -> str:
    return moment(seconds * US_PER_S).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def zulu(time_us: int) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``, whole seconds."""
    return _seconds_text(time_us // US_PER_S) + "Z"


def publish_time(time_us: int) -> str:
    """The time with its fraction, trailing zeros dropped, and no dot when there is none."""
    seconds, fraction = divmod(time_us, US_PER_S)
    if not fraction:
        return _seconds_text(seconds) + "Z"
    return f"{_seconds_text(seconds)}.{fraction:06d}".rstrip("0") + "Z"


def read_zulu_millis(text: str) -> int | None:
    """Microseconds of ``YYYY-MM-DDTHH:MM:SS.mmmZ``, or None for anything else.

    A blank for ``T`` and a comma for the point are read too (D25).
    """
    match = _ZULU_MILLIS.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, millis = (int(part) for part in match.groups())
    try:
        at = datetime(year or _CYCLE_YEARS, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    days = since.days if year else since.days - _CYCLE_DAYS
    return (days * 86_400 + since.seconds) * US_PER_S + millis * 1000


def read_rfc3339(text: str) -> int | None:
    """Microseconds of an RFC 3339 time with its zone, or None for anything else; finer fractions are cut off."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text.replace("z", "Z").replace("t", "T"))
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def read_day(text: str) -> date | None:
    """The day of ``YYYY-MM-DD``, or None for anything else; a day of the year 0 counts as the first day there is."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups())
    try:
        read = date(year or _CYCLE_YEARS, month, day)
    except ValueError:
        return None
    return read if year else date.min
