"""Placeholders for secrets that are not there, so that rules can be read, tested and checked where nobody has them.

A reference that cannot be replaced stands for itself where any text will do. Where a URL, a number or the like is
wanted, the first stand-in that the record takes is put there, and where none fits, the key's default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from bridge.settings.setting_errors import Fault, Location

STAND_INS: Final[tuple[Any, ...]] = (
    "https://placeholder.invalid/placeholder",
    "placeholder",
    "placeholder@placeholder.invalid",
    "placeholder:placeholder",
    "/placeholder",
    "1",
    1,
    "10s",
    "1/1s",
    True,
    "127.0.0.1:1",
    "projects/placeholder/topics/placeholder",
    "memory",
    "sqlite:////placeholder",
    "json://placeholder.invalid",
    ["/placeholder"],
    ["placeholder@placeholder.invalid"],
)
"""What is tried, in this order."""

_REFERENCE: Final = re.compile(r"\$\{[^}]*\}")


def fill_placeholders(value: Any, missing: Iterable[Location], faults_in: Callable[[Any], list[Fault]]) -> Any:
    """``value`` with a placeholder at each of the places ``missing`` where what stands there is not taken.

    ``faults_in`` says what a record finds wrong. What no placeholder can mend is left to be told.
    """
    as_written = value
    waiting = {location: _choices(_at(value, location)) for location in missing}
    for _ in range(len(STAND_INS) + 2 if waiting else 0):
        wrong = [fault.location for fault in faults_in(value)]
        touched = [place for place in waiting if any(meet(place, fault) for fault in wrong)]
        if not touched:
            return value
        for place in touched:
            value = _put(value, place, waiting[place].pop(0)) if waiting[place] else _leave_out(value, place)
    return as_written


def _choices(written: Any) -> list[Any]:
    """What to try in place of a text with references: its own form first."""
    inside = _REFERENCE.sub("placeholder", str(written))
    return list(STAND_INS) if inside == "placeholder" else [inside, *STAND_INS]


def meet(place: Location, fault: Location) -> bool:
    """Whether what is wrong at ``fault`` may come of what stands at ``place``: one lies within the other."""
    shorter = min(len(place), len(fault))
    return place[:shorter] == fault[:shorter]


def _at(value: Any, place: Location) -> Any:
    for step in place:
        value = value[step]
    return value


def _put(given: Any, place: Location, value: Any) -> Any:
    if not place:
        return value
    changed = given.copy()
    changed[place[0]] = _put(given[place[0]], place[1:], value)
    return changed


def _leave_out(given: Any, place: Location) -> Any:
    """Without the key, so that its default holds; an item of a list stays."""
    inner = _at(given, place[:-1])
    if not isinstance(inner, dict) or place[-1] not in inner:
        return given
    return _put(given, place[:-1], {key: value for key, value in inner.items() if key != place[-1]})
