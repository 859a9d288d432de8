"""Times as senders write them, and times as people read them. Pure: "now" is always passed in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US: Final = -62_135_596_800_000_000
_LAST_US: Final = 253_402_300_799_999_999
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?", re.DOTALL)
_NUMBER: Final = re.compile(r"[-+]?\d{1,20}(?:\.\d{1,9})?")
_LONG_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_UNITS: Final = ((86_400, "day", "days"), (3600, "h", "h"), (60, "min", "min"))


def named_time(value: Any) -> datetime | None:
    """The time a value names, aware, or None when it names none.

    A text is RFC 3339 (UTC without a zone) or a number; a number is seconds since the epoch, or milliseconds,
    microseconds or nanoseconds where seconds would be beyond the year 5000. The year 1, which Go writes for "no time",
    is none.
    """
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    elif isinstance(value, str):
        text = value.strip()
        if _DATE.fullmatch(text):
            try:
                moment = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", text))
            except ValueError:
                return None
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        else:
            return _of_number(float(text)) if _NUMBER.fullmatch(text) else None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return _of_number(value)
    else:
        return None
    return moment if moment.year > 1 else None


def from_us(microseconds: int) -> datetime:
    """The time of microseconds since the epoch; one beyond the calendar is its first or last moment."""
    return EPOCH + timedelta(microseconds=min(max(microseconds, _FIRST_US), _LAST_US))


def us_of(moment: datetime) -> int:
    """Microseconds since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def spell_duration(seconds: float) -> str:
    """A length of time in at most two units: ``45 s``, ``5 min``, ``2 h 10 min``, ``3 days 4 h``, ``-5 min``."""
    if round(seconds) < 0:
        return f"-{spell_duration(-seconds)}"
    left = round(seconds)
    if left < 60:
        return f"{left} s"
    if left < 3600:
        minutes, rest = divmod(left, 60)
        return f"{minutes} min {rest} s" if rest and minutes < 5 else f"{minutes} min"
    words = []
    for size, text, many in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {text if count == 1 else many}")
    return " ".join(words[:2])


def describe_age(moment: datetime, now: datetime) -> str:
    """``5 min ago``, ``in 2 h``, ``just now``: in whole minutes, and beyond two days in whole days."""
    seconds = (now - moment).total_seconds()
    length = abs(seconds)
    if length < 5:
        return "just now"
    step = 86_400 if length >= 2 * 86_400 else 60 if length >= 60 else 1
    words = spell_duration(length // step * step)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _of_number(number: float) -> datetime | None:
    if not abs(number) < 1e30:
        return None
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if abs(number) / unit < 95_617_584_000:  # the year 5000
            try:
                return EPOCH + timedelta(seconds=number / unit)
            except (OverflowError, ValueError):
                return None
    return None
