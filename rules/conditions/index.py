"""Which conditions can hold for an event, without asking each of them.

A condition can hold only if one of a few simple things is so: a value at a place is among some constants, or begins
with one of some texts. ``cover.py`` finds them. Each such thing puts the condition into a table: place, constant,
conditions. An event is looked up once at each place of the table, so its cost grows with the number of conditions that
could hold, and not with the number of conditions. Those without anything of the kind are always asked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeAlias

from rules.conditions.comparing import comparison_key
from rules.conditions.conditions import Condition
from rules.conditions.cover import Cover, covers_of
from rules.conditions.event_places import EventPlace
from rules.model import Event

RuleNumbers: TypeAlias = tuple[int, ...]
Table: TypeAlias = dict[Hashable, RuleNumbers]
RuleLookup: TypeAlias = Callable[[Event], Sequence[Any]]


class RuleIndex:
    """An index over the conditions of numbered rules.

    A rule is one condition, or several of which one is enough (its ``match`` and its ``resolved``).
    """

    def __init__(self, rules: Iterable[Condition | Sequence[Condition]]) -> None:
        numbered = [
            (number, condition)
            for number, rule in enumerate(rules)
            for condition in ([rule] if isinstance(rule, Condition) else rule)
        ]
        equal: dict[EventPlace, dict[Hashable, set[int]]] = {}
        begins: dict[tuple[EventPlace, int], dict[Hashable, set[int]]] = {}
        always: set[int] = set()
        covers = covers_of([condition for _, condition in numbered])
        for (number, _), cover in zip(numbered, covers, strict=True):
            if cover is None:
                always.add(number)
            else:
                _enter(number, cover, equal, begins)
        self._always = tuple(sorted(always))
        self._undecodable = tuple(sorted({number for number, condition in numbered if condition.knows_undecodable}))
        self._by_key = {place.key: _seal(table) for place, table in equal.items() if place.key is not None}
        self._by_place = [(place.find_in, _seal(table)) for place, table in equal.items() if place.key is None]
        self._by_beginning = _by_beginning(begins)

    def candidates(self, event: Event) -> Sequence[int]:
        """The numbers, in order, of all rules that may hold for the event; those left out do not hold."""
        if event.undecodable is not None:
            return self._undecodable
        hits = self._key_hits(event.data) if self._by_key else []
        for find, table in self._by_place:
            hits.extend(hit for value in find(event) if (hit := table.get(comparison_key(value))) is not None)
        if self._by_beginning:
            hits.extend(self._beginning_hits(event))
        if not hits:
            return self._always
        if len(hits) == 1 and not self._always:
            return hits[0]
        return sorted({*self._always, *(number for hit in hits for number in hit)})

    def _key_hits(self, data: Any) -> list[RuleNumbers]:
        """What the tables of places ``$.name`` hold for a payload; walks the shorter of the two."""
        if not isinstance(data, dict):
            return []
        tables = self._by_key
        names = tables.keys() & data.keys() if len(tables) > 1 else tables.keys()
        return [
            hit for name in names if name in data and (hit := tables[name].get(comparison_key(data[name]))) is not None
        ]

    def _beginning_hits(self, event: Event) -> Iterable[RuleNumbers]:
        for find, tables in self._by_beginning:
            for value in find(event):
                if isinstance(value, str):
                    for length, table in tables:
                        hit = table.get(value[:length])
                        if hit is not None:
                            yield hit


def _enter(
    number: int,
    cover: Cover,
    equal: dict[EventPlace, dict[Hashable, set[int]]],
    begins: dict[tuple[EventPlace, int], dict[Hashable, set[int]]],
) -> None:
    for need in cover:
        for constant in need.constants:
            if need.beginnings:
                table = begins.setdefault((need.place, len(str(constant))), {})
            else:
                table = equal.setdefault(need.place, {})
            table.setdefault(constant, set()).add(number)


def _by_beginning(
    begins: dict[tuple[EventPlace, int], dict[Hashable, set[int]]],
) -> list[tuple[RuleLookup, list[tuple[int, Table]]]]:
    """For each place, a table for each length of a beginning."""
    tables: dict[EventPlace, list[tuple[int, Table]]] = {}
    for (place, length), table in begins.items():
        tables.setdefault(place, []).append((length, _seal(table)))
    return [(place.find_in, several) for place, several in tables.items()]


def _seal(table: dict[Hashable, set[int]]) -> Table:
    return {constant: tuple(sorted(numbers)) for constant, numbers in table.items()}
