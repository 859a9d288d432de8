"""Times as operators are shown them and give them: RFC 3339 in UTC, and lengths of time back from now."""

from __future__ import annotations

from bridge.operate.operator_errors import InvalidInput
from broker.clock import Clock
from broker.days import moment
from rules.events.times import dashed_time_us
from rules.source.bounds import moment_us, seconds_us


def rfc3339(time_us: int) -> str:
    """``2026-01-05T12:00:00.5Z``: exact to the microsecond, trailing zeros dropped."""
    at = moment(time_us)
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def rfc3339_or_none(time_us: int) -> str | None:
    """A moment as ``rfc3339`` writes it; None for 0, which stands for "never"."""
    return rfc3339(time_us) if time_us else None


def read_time_us(text: str) -> int:
    """Microseconds of a time with dashes, in UTC if it names no zone. Raises ValueError."""
    time_us = dashed_time_us(text)
    if time_us is None:
        raise ValueError(f'"{text[:40]}" is no time; write it as 2026-01-05T12:00:00Z')
    return moment_us(time_us, f'"{text[:40]}"')


def ago_us(clock: Clock, since_s: float, place: str = "since_s") -> int:
    """The moment that lies ``since_s`` seconds back. Raises InvalidInput for more than a hundred years."""
    try:
        return clock.wall_us() - seconds_us(since_s, place)
    except ValueError as error:
        raise InvalidInput(place, str(error)) from error
