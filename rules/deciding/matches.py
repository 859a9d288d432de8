"""What ``match`` found: the rules that may act on a message, and the state they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rules.deciding.state_keys import NO_ROWS, RowNames
from rules.model import Event, Incoming
from rules.ruleset import Rule

WHOLE: Final = ""
"""The group of events that are whole messages: what stops there stops for items too."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that may act on an event (a message, or one item of it).

    ``how`` is ``match``, or ``resolved`` when the event says that an incident is over: then the rule acts only if one
    with this ``key`` is open. ``key`` is None without one. ``broken`` says which ``set`` or ``key`` template failed.
    ``group`` tells apart the items of different ``for_each``: a ``stop`` concerns the items of its own.
    """

    rule: Rule
    event: Event
    how: Literal["match", "resolved"]
    key: str | None = None
    names: RowNames = NO_ROWS
    broken: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """All that may act on one message, in the order in which it acts.

    ``needs`` are the state rows to read before ``decide``, each once; ``counts`` what went wrong on the way, and
    ``failures`` which template of which rule; ``left_out`` how many items of the message each rule never saw.
    """

    incoming: Incoming
    found: tuple[Match, ...] = ()
    needs: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
