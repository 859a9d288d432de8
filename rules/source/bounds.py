"""The bounds of numbers, lengths of time and moments that people and programs give: one place for all of them.

What is beyond them is refused where it is read, with the place and nothing changed, so that nothing that was kept can
break what reads it later.
"""

from __future__ import annotations

import re
from typing import Final

from rules.source.words import LONGEST_DURATION_S

US_PER_S: Final = 1_000_000
EARLIEST_US: Final = -62_135_510_400 * US_PER_S
"""The second day of the year 1, so that every zone can write it."""
LATEST_US: Final = 253_402_214_399 * US_PER_S
"""The end of 9999-12-30."""
SHORTEST_REPEAT_S: Final = 1.0
"""How often anything may be repeated at most."""
MOST_STEPS: Final = 100_000
"""How many timers a test may fire between two of its messages."""
_MOST_DIGITS: Final = 15
LARGEST_COUNT: Final = 10**_MOST_DIGITS - 1
"""The largest number that anything is counted or paged by; every program reads it exactly."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,400}")
_INT64: Final = range(-(2**63), 2**63)


def int64_of(text: str) -> int | None:
    """A whole number of 64 bits as Go reads one in decimal, with a sign or without; None for anything else."""
    if _INTEGER.fullmatch(text) is None:
        return None
    number = int(text)
    return number if number in _INT64 else None


def count_of(text: str) -> int | None:
    """A whole number from 0 to ``LARGEST_COUNT`` in plain digits, as queries and forms give one; None for others."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    return int(text)


def seconds_us(seconds: float, name: str) -> int:
    """Microseconds of a length of time that is given in seconds. Raises ValueError.

    It may be from nothing to a hundred years.
    """
    if not 0 <= seconds <= LONGEST_DURATION_S:  # which no infinity and no NaN fulfils
        raise ValueError(f"{name} must be from 0 to {LONGEST_DURATION_S:.0f} seconds (a hundred years)")
    return round(seconds * US_PER_S)


def moment_us(time_us: int, name: str) -> int:
    """The same moment, where everything that shows times can show it. Raises ValueError."""
    if not EARLIEST_US <= time_us <= LATEST_US:
        raise ValueError(f"{name} must lie in the years 1 to 9999")
    return time_us
