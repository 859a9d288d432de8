"""Calendar days in UTC, and whole seconds: how the broker cuts time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from broker.clock import US_PER_S

DAY_US: Final = 86_400 * US_PER_S
_EPOCH: Final = date(1970, 1, 1)
_FIRST_US: Final = (date.min - _EPOCH).days * DAY_US
_LAST_US: Final = (date.max - _EPOCH).days * DAY_US + DAY_US - 1


def day_of(time_us: int) -> date:
    """The UTC day a time lies in."""
    return moment(time_us).date()


def start_of(day: date) -> int:
    """The first microsecond of a UTC day."""
    return (day - _EPOCH).days * DAY_US


def whole_seconds(time_us: int) -> int:
    """Seconds since the epoch, cut off, as AMS compares times."""
    return time_us // US_PER_S


def moment(time_us: int) -> datetime:
    """The time as an aware datetime, exact to the microsecond; one beyond the calendar is its first or last moment."""
    within_us = min(max(time_us, _FIRST_US), _LAST_US)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=within_us)
