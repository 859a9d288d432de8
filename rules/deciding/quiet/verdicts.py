"""What keeps one post quiet: the words shared by all reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from rules.model import Phase


@dataclass(frozen=True, slots=True)
class Passed:
    """The verdict that a post is made now."""


@dataclass(frozen=True, slots=True)
class Held:
    """The verdict that it will be part of a later post for certain, at ``until_us`` if nothing is edited meanwhile.

    ``by`` is ``group`` or ``throttle``, ``row`` the row of state in which it waits.
    """

    by: str
    row: str = ""
    until_us: int = 0


@dataclass(frozen=True, slots=True)
class Quieted:
    """The verdict that it is not told, and nothing is owed for it: ``duplicate``, ``flapping``, ``throttle``."""

    by: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """The verdict that it is hidden now; what is owed is told when this ends, at ``until_us`` if that is known.

    ``by`` is ``silence:ID``, ``hours:NAME``, ``not_hours:NAME``, ``inhibited:RULE``, ``straggler``, ``count``,
    ``for``, or ``order``: something about the same key still waits elsewhere and must be told first.
    """

    by: str
    until_us: int | None = None


QuietVerdict: TypeAlias = Passed | Held | Quieted | Hidden

PASSED: Final = Passed()

OWED: Final[frozenset[Phase]] = frozenset(("resolved", "calm", "stale"))
"""What is told later rather than never: the ends of what was told before."""


def book_name(by: str) -> str:
    """The part of ``by`` that counters are named after: a silence's id would make them grow without end."""
    return by.split(":", 1)[0]
