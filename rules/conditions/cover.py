"""What must be so for a condition to hold, put so simply that it can be looked up in a table.

A cover is a list of needs of which at least one is met whenever the condition holds: a value at a place is one of some
constants, or begins with one of some texts. ``all:`` may take the best cover of its parts; ``any:`` needs those of all
its parts together. What gives no cover (``not:``, ``exists``, numbers compared ...) has to be asked each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rules.conditions.clauses import ConditionNode, walk_conditions
from rules.conditions.conditions import Condition
from rules.conditions.event_places import EventPlace

MAX_LENGTHS: Final = 32
"""Beginnings are cut to at most so many characters, so that few lengths are looked up."""


@dataclass(frozen=True, slots=True)
class Need:
    """One value at ``place`` is among ``constants`` (keys of ``key_of``); with ``beginnings``, begins with one."""

    place: EventPlace
    constants: frozenset[Hashable]
    beginnings: bool = False


Cover: TypeAlias = tuple[Need, ...]


def covers_of(conditions: Sequence[Condition]) -> list[Cover | None]:
    """For each condition the cover whose constants are shared with the fewest others, or None.

    Of equal ones, equalities before beginnings, and the place that most conditions ask about, so that few places are
    looked at.
    """
    sharing: Counter[tuple[EventPlace, bool, Hashable]] = Counter()
    asking: Counter[EventPlace] = Counter()
    for condition in conditions:
        for need in (need for node in walk_conditions(condition.root) for need in _of_line(node)):
            sharing.update((need.place, need.beginnings, constant) for constant in need.constants)
            asking[need.place] += 1

    def cost(cover: Cover) -> tuple[int, int, int, str]:
        crowd = sum(
            max((sharing[need.place, need.beginnings, constant] for constant in need.constants), default=0)
            for need in cover
        )
        return (
            crowd,
            sum(need.beginnings for need in cover),
            -min((asking[need.place] for need in cover), default=0),
            " ".join(need.place.text for need in cover),
        )

    def best(node: ConditionNode) -> Cover | None:
        if node.kind == "line":
            return min(((need,) for need in _of_line(node)), key=cost, default=None)
        if node.kind == "all":
            return min((cover for part in node.parts if (cover := best(part)) is not None), key=cost, default=None)
        if node.kind == "any":
            several = [best(part) for part in node.parts]
            known = [cover for cover in several if cover is not None]
            return tuple(need for cover in known for need in cover) if len(known) == len(several) else None
        return None

    return [best(condition.root) for condition in conditions]


def _of_line(node: ConditionNode) -> Iterator[Need]:
    """What a line needs, on places that are known before a rule's ``set`` is evaluated."""
    if node.kind != "line" or node.look is None or node.look.text.startswith("vars"):
        return
    if node.test.constants is not None:
        yield Need(node.look, node.test.constants)
    elif node.test.beginnings is not None:
        yield Need(node.look, frozenset(text[:MAX_LENGTHS] for text in node.test.beginnings), beginnings=True)
