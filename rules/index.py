"""Which conditions can hold for an event, without asking each of them.

For every condition, the most selective of its necessary equalities (``place = constant``) puts it into a table: place,
constant, conditions. An event is looked up once at each place of the table, so its cost grows with the number of
conditions that could hold, and not with the number of conditions. Those without a necessary equality are always asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeAlias

from rules.clauses import Equality
from rules.comparing import key_of
from rules.conditions import Condition
from rules.event_places import EventPlace
from rules.model import Event

Table: TypeAlias = dict[Hashable, tuple[int, ...]]


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
        chosen = _most_selective([condition for _, condition in numbered])
        tables: dict[EventPlace, dict[Hashable, set[int]]] = {}
        always: set[int] = set()
        for (number, _), equality in zip(numbered, chosen, strict=True):
            if equality is None:
                always.add(number)
                continue
            table = tables.setdefault(equality.place, {})
            for constant in equality.constants:
                table.setdefault(constant, set()).add(number)
        sealed = {place: _sealed(table) for place, table in tables.items()}
        self._always = tuple(sorted(always))
        self._undecodable = tuple(sorted({number for number, condition in numbered if condition.knows_undecodable}))
        self._by_key = {place.key: table for place, table in sealed.items() if place.key is not None}
        self._by_place = [(place.find_in, table) for place, table in sealed.items() if place.key is None]

    def candidates(self, event: Event) -> Sequence[int]:
        """The numbers, in order, of all rules that may hold for the event; those left out do not hold."""
        if event.undecodable is not None:
            return self._undecodable
        hits = self._key_hits(event.data) if self._by_key else []
        for find, table in self._by_place:
            hits.extend(hit for value in find(event) if (hit := table.get(key_of(value))) is not None)
        if not hits:
            return self._always
        if len(hits) == 1 and not self._always:
            return hits[0]
        return sorted({*self._always, *(number for hit in hits for number in hit)})

    def _key_hits(self, data: Any) -> list[tuple[int, ...]]:
        """What the tables of places ``$.name`` hold for a payload; walks the shorter of the two."""
        if not isinstance(data, dict):
            return []
        tables = self._by_key
        names = tables.keys() & data.keys() if len(tables) > 1 else tables.keys()
        return [hit for name in names if name in data and (hit := tables[name].get(key_of(data[name]))) is not None]


def _most_selective(conditions: Sequence[Condition]) -> list[Equality | None]:
    """For each condition, the equality that shares its constants with the fewest others, or None.

    Of equal ones, the place that most conditions ask about, so that few places are looked at.
    """
    sharing: Counter[tuple[EventPlace, Hashable]] = Counter()
    asking: Counter[EventPlace] = Counter()
    for condition in conditions:
        for equality in _usable(condition):
            sharing.update((equality.place, constant) for constant in equality.constants)
            asking[equality.place] += 1

    def cost(equality: Equality) -> tuple[int, int, str]:
        crowd = max((sharing[equality.place, constant] for constant in equality.constants), default=0)
        return crowd, -asking[equality.place], equality.place.text

    return [min(_usable(condition), key=cost, default=None) for condition in conditions]


def _usable(condition: Condition) -> list[Equality]:
    """Equalities on places that are known before a rule's ``set`` is evaluated."""
    return [equality for equality in condition.equalities if not equality.place.text.startswith("vars")]


def _sealed(table: dict[Hashable, set[int]]) -> Table:
    return {constant: tuple(sorted(numbers)) for constant, numbers in table.items()}
