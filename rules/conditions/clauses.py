"""The parts of a condition, what makes them hold, and what must be so for them to hold."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rules.conditions.event_places import EventPlace
from rules.conditions.value_tests import NEVER, ValueTest
from rules.model import Event
from rules.source.problems import Place

Holds: TypeAlias = Callable[[Event, int], bool]
ClauseKind: TypeAlias = Literal["line", "undecodable", "all", "any", "not"]


@dataclass(frozen=True, slots=True)
class Equality:
    """What must be so for a condition to hold: one value at ``place`` is among ``constants`` (keys of ``key_of``)."""

    place: EventPlace
    constants: frozenset[Hashable]


@dataclass(frozen=True, slots=True)
class ConditionNode:
    """One line (with ``look`` and ``test``) or clause (with ``parts``); ``never`` says why it cannot hold, or ""."""

    kind: ClauseKind
    at: Place
    path: str
    holds: Holds
    parts: tuple[ConditionNode, ...] = ()
    look: EventPlace | None = None
    test: ValueTest = NEVER
    never: str = ""


def never_holds(event: Event, now_us: int) -> bool:
    """Hold never: what a part of a condition with a problem does."""
    return False


def line_holds(look: EventPlace, test: ValueTest) -> Holds:
    """The test of a line: a place and what must hold there."""
    find, holds = look.find_in, test.holds
    words = test.constants
    if test.exact and words is not None and look.key is not None and all(isinstance(word, str) for word in words):
        return _key_is_one_of(look.key, words)
    return lambda event, now_us: holds(find(event), now_us)


def _key_is_one_of(key: str, words: frozenset[Hashable]) -> Holds:
    """``$.status: [CRITICAL, WARNING]``: the shape of most lines, so the shortest code."""

    def holds(event: Event, now_us: int) -> bool:
        data = event.data
        if not isinstance(data, dict):
            return False
        value = data.get(key)
        return isinstance(value, str) and value in words

    return holds


def all_of(parts: tuple[Holds, ...]) -> Holds:
    """The test that all parts hold, asked in order until one does not."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda event, now_us: first(event, now_us) and second(event, now_us)

    def holds(event: Event, now_us: int) -> bool:
        for part in parts:  # noqa: SIM110 - all() with a generator takes twice as long
            if not part(event, now_us):
                return False
        return True

    return holds


def any_of(parts: tuple[Holds, ...]) -> Holds:
    """The test that one of the parts holds, asked in order until one does."""
    if len(parts) == 1:
        return parts[0]

    def holds(event: Event, now_us: int) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if part(event, now_us):
                return True
        return False

    return holds


def walk_conditions(node: ConditionNode) -> Iterator[ConditionNode]:
    """The node and all parts in it, in file order."""
    yield node
    for part in node.parts:
        yield from walk_conditions(part)


def find_necessary(node: ConditionNode) -> Iterator[Equality]:
    """Equalities without which the node cannot hold."""
    if node.kind == "line" and node.look is not None and node.test.constants is not None:
        yield Equality(node.look, node.test.constants)
    elif node.kind == "all":
        for part in node.parts:
            yield from find_necessary(part)
    elif node.kind == "any" and node.parts:
        yield from _common([list(find_necessary(part)) for part in node.parts])


def _common(alternatives: list[list[Equality]]) -> Iterator[Equality]:
    """Of several alternatives, the places each of them asks about, with the constants of all."""
    for equality in alternatives[0]:
        sets = [
            next((other.constants for other in others if other.place == equality.place), None)
            for others in alternatives
        ]
        known = [constants for constants in sets if constants is not None]
        if len(known) == len(sets):
            yield Equality(equality.place, frozenset().union(*known))
