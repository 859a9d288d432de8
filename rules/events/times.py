"""The times that conditions compare, as microseconds since the epoch (UTC)."""

from __future__ import annotations

import re
from typing import Any, Final

from rules.events.moments import named_time, us_of

_COMPACT_DATE: Final = re.compile(r"((?:19|20)[0-9]{2})([01][0-9])([0-3][0-9])", re.ASCII)
_DASHED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ].*)?", re.ASCII)
_LONGEST: Final = 64


def time_us(value: Any) -> int | None:
    """The time that ``moment_of`` reads in a value, or None; a text such as ``20260103`` is a date, not seconds."""
    if isinstance(value, str):
        if len(value) > _LONGEST:
            return None
        value = value.strip().upper()
        if len(value) == 8:
            value = _COMPACT_DATE.sub(r"\1-\2-\3", value)
    moment = named_time(value)
    return None if moment is None else us_of(moment)


def dashed_time_us(text: str) -> int | None:
    """The time of an RFC 3339 date or date and time with dashes, as an operand in a rule must be; else None."""
    return time_us(text) if _DASHED.fullmatch(text) else None
