"""Which rows of state a rule meets with an event: announced by ``match`` so that one read is enough.

Each name may be followed by those of the time before a rename (``was:``), whose rows move to the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from rules.deciding.quiet.rows import firing_row, group_row, key_row, shorten_key, throttle_row
from rules.deciding.quiet.same import values_at
from rules.model import Event
from rules.rendering.markdown_escape import make_storable
from rules.ruleset import Inhibitor, Rule, RuleSet

Names: TypeAlias = tuple[str, ...]
NameMaker: TypeAlias = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class InhibitionQuery:
    """A question to an inhibitor: its row, and the values of our event (None: something is not there)."""

    inhibitor: Inhibitor
    values: str | None
    names: Names


@dataclass(frozen=True, slots=True)
class RowNames:
    """The rows one (event, rule) pair may read. An empty tuple means that there is none to read.

    ``answers`` are the rows in which the rule's own incidents stand for rules that it keeps quiet.
    """

    key: Names = ()
    group: Names = ()
    group_values: str = ""
    throttle: Names = ()
    asked: tuple[InhibitionQuery, ...] = ()
    answers: tuple[tuple[Inhibitor, Names], ...] = ()

    def all(self) -> Iterable[str]:
        """Every row, old names included."""
        yield from self.key
        yield from self.group
        yield from self.throttle
        for asked in self.asked:
            yield from asked.names
        for _, names in self.answers:
            yield from names


NO_ROWS = RowNames()


def row_names(rule_set: RuleSet, rule: Rule, event: Event, key: str | None, now_us: int) -> RowNames:
    """The rows that ``rule`` needs for ``event``, its ``vars`` set, under ``key`` (None: it has no key)."""
    quiet = rule.quiet
    values = group_values(rule, event) if quiet.group is not None else ""
    return RowNames(
        key=_make_names(key_row, rule, key) if key is not None and quiet.per_key else (),
        group=_make_names(group_row, rule, values) if quiet.group is not None else (),
        group_values=values,
        throttle=throttle_names(rule),
        asked=tuple(
            _query_of(rule_set, inhibitor, event)
            for inhibitor in quiet.inhibited_by
            if inhibitor.condition is None or inhibitor.condition.holds(event, now_us)
        ),
        answers=tuple(
            (inhibitor, _make_names(firing_row, rule, inhibitor.same_text))
            for inhibitor in rule_set.same_places.get(rule.name, ())
        )
        if quiet.has_life
        else (),
    )


def throttle_names(rule: Rule) -> Names:
    """The row of the rule's throttle, if it has one."""
    return tuple(throttle_row(name) for name in (rule.name, *rule.was)) if rule.quiet.throttle is not None else ()


def names_by_rule(key: str, rule: Rule) -> Names:
    """A row by the name its rule has now, and by the name under which it was found."""
    kind, _, rest = key.split("/", 2) if key.count("/") > 1 else (*key.split("/", 1), None)
    present = f"{kind}/{rule.name}" if rest is None else f"{kind}/{rule.name}/{rest}"
    return (present,) if present == key else (present, key)


def group_values(rule: Rule, event: Event) -> str:
    """What the event holds at the group's ``by`` places, as one readable text."""
    value_lists = [place.find_in(event) for place in (rule.quiet.group.by if rule.quiet.group is not None else ())]
    if all(len(values) == 1 and isinstance(values[0], str) for values in value_lists):
        return make_storable(shorten_key(" / ".join(values[0] for values in value_lists)))
    return make_storable(shorten_key(json.dumps(value_lists, sort_keys=True, ensure_ascii=False, default=str)))


def _make_names(make: NameMaker, rule: Rule, last: str) -> Names:
    return tuple(make(name, last) for name in (rule.name, *rule.was))


def _query_of(rule_set: RuleSet, inhibitor: Inhibitor, event: Event) -> InhibitionQuery:
    asked = rule_set.by_name.get(inhibitor.rule)
    names = (inhibitor.rule, *(asked.was if asked is not None else ()))
    return InhibitionQuery(
        inhibitor=inhibitor,
        values=values_at(inhibitor, event),
        names=tuple(firing_row(name, inhibitor.same_text) for name in names),
    )
