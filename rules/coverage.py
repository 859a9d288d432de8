"""coverage: what of a rule set never mattered to a stream of messages, and which messages no rule wanted.

Rules that never acted (and who hid them), conditions that never held, branches of templates that were never taken. Runs
the rules as the daemon would, on a virtual clock from empty state; what has once been seen is not asked again, so a
long stream costs little more than deciding it. Of more than two hundred rules that never acted, not every condition is
asked of every message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from rules.branches import Branch, MarkedTemplates, templates_of
from rules.clauses import Node, walk
from rules.decode import decode
from rules.match import View, event_of, items_of, views_of
from rules.model import Decision, Event, Incoming
from rules.problems import Place
from rules.quiet.silences import NO_SILENCES, SilenceBook
from rules.read import rebuild
from rules.rehearsal import Moment, Rehearsal
from rules.ruleset import Rule, RuleSet
from rules.simulate import Progress
from rules.sources import World
from rules.vars import set_vars

MAX_UNWANTED: Final = 20
MAX_ASKED: Final = 200
"""How many rules with open questions are asked for each event; of more, they are asked in turn."""
PROGRESS_EVERY: Final = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One condition of a rule: where it stands, what it says, and whether it ever held."""

    place: Place
    text: str
    held: bool


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What of one rule mattered. ``hidden_by`` counts the events it would have taken, by the rule that stopped them."""

    rule: str
    place: Place
    acted: int
    sends: int
    hidden_by: dict[str, int]
    lines: tuple[Line, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A message that no rule wanted."""

    topic: str
    offset: int
    payload: str


@dataclass(frozen=True, slots=True)
class CoverageResult:
    """What a stream of messages touched. ``unwanted`` are the first few of the ``unmatched``, one of each shape."""

    version: str
    messages: int
    unmatched: int
    undecodable: int
    first_us: int
    last_us: int
    rules: tuple[RuleCoverage, ...]
    unwanted: tuple[Unwanted, ...]


@dataclass(slots=True)
class _Seen:
    """What is known of one rule so far."""

    rule: Rule
    acted: int = 0
    sends: int = 0
    hidden_by: Counter[str] = field(default_factory=Counter)
    unheld: dict[int, Node] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to find out."""
        return bool(self.unheld) or not self.acted


def coverage(
    rule_set: RuleSet,
    world: World,
    stream: Iterable[Incoming],
    *,
    silences: SilenceBook = NO_SILENCES,
    until_us: int | None = None,
    progress: Progress = lambda messages: None,
) -> CoverageResult:
    """Run the rules over the messages, in the order of their publish times, and say what never mattered."""
    marked: list[MarkedTemplates] = []

    def environment(tables: object) -> MarkedTemplates:
        marked.append(MarkedTemplates(tables))  # type: ignore[arg-type]
        return marked[-1]

    watched = _Watched(rebuild(rule_set.sources, world, environment))
    rehearsal = Rehearsal(watched.rule_set, silences=silences)
    for incoming in stream:
        now_us = max(watched.last_us, incoming.publish_time_us)
        for moment in rehearsal.run_to(now_us):
            watched.count(moment)
        moment = rehearsal.take(incoming, now_us)
        watched.count(moment)
        watched.look(incoming, moment.decision, now_us)
        if watched.messages % PROGRESS_EVERY == 0:
            progress(watched.messages)
    for moment in rehearsal.run_to(watched.last_us if until_us is None else until_us):
        watched.count(moment)
    progress(watched.messages)
    return watched.result(marked[-1])


class _Watched:
    """A rule set under watch, and all that was seen of it."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self.messages = self.unmatched = self.undecodable = 0
        self.first_us = self.last_us = 0
        self.seen = {rule.name: _Seen(rule) for rule in rule_set.rules}
        self.unwanted: dict[object, Unwanted] = {}
        for seen in self.seen.values():
            for root in _roots(seen.rule):
                seen.unheld.update({id(node): node for node in walk(root)})

    def count(self, moment: Moment) -> None:
        """Enter what a message or timer led to."""
        for judgement in moment.decision.judgements:
            if judgement.rule in self.seen:
                self.seen[judgement.rule].acted += 1
        for send in moment.decision.sends:
            if send.rule in self.seen:
                self.seen[send.rule].sends += send.part == send.parts - 1

    def look(self, incoming: Incoming, decision: Decision, now_us: int) -> None:
        """Ask the conditions that never held yet, and find who hid whom."""
        self.first_us = self.first_us if self.messages else now_us
        self.last_us = now_us
        self.messages += 1
        for view in views_of(self.rule_set, incoming.topic):
            open_rules = self._open_rules(view)
            if not open_rules and decision.fate != "unmatched":
                continue
            event = event_of(incoming, decode(incoming.payload, view.decode))
            self.undecodable += event.undecodable is not None
            for item in items_of(event, view.for_each):
                for seen in open_rules:
                    self._look_at(seen, view, item, decision, now_us)
            if decision.fate == "unmatched":
                self._unwanted(incoming, event)
        self.unmatched += decision.fate == "unmatched"

    def _open_rules(self, view: View) -> list[_Seen]:
        open_rules = [seen for rule in view.rules if (seen := self.seen[rule.name]).is_open]
        if len(open_rules) <= MAX_ASKED:
            return open_rules
        start = self.messages * MAX_ASKED % len(open_rules)
        return [*open_rules[start : start + MAX_ASKED], *open_rules[: max(0, start + MAX_ASKED - len(open_rules))]]

    def result(self, templates: MarkedTemplates) -> CoverageResult:
        """All of it, rules in file order."""
        return CoverageResult(
            version=self.rule_set.version,
            messages=self.messages,
            unmatched=self.unmatched,
            undecodable=self.undecodable,
            first_us=self.first_us,
            last_us=self.last_us,
            rules=tuple(_covered(seen, templates) for seen in self.seen.values()),
            unwanted=tuple(self.unwanted.values()),
        )

    def _look_at(self, seen: _Seen, view: View, item: Event, decision: Decision, now_us: int) -> None:
        rule = seen.rule
        if item.undecodable is not None and not rule.condition.knows_undecodable:
            return
        event = set_vars(self.rule_set, rule, item, now_us)[0] if rule.asks_vars else item
        for number in [number for number, node in seen.unheld.items() if node.holds(event, now_us)]:
            del seen.unheld[number]
        if not seen.acted and rule.condition.holds(event, now_us):
            stopper = next((one for one in decision.judgements if self._stops(one.rule, rule)), None)
            if stopper is not None:
                seen.hidden_by[stopper.rule] += 1

    def _stops(self, name: str, rule: Rule) -> bool:
        other = self.seen[name].rule if name in self.seen else None
        return other is not None and other.position < rule.position and (other.stop or other.drop)

    def _unwanted(self, incoming: Incoming, event: Event) -> None:
        shape = tuple(sorted(event.data)) if isinstance(event.data, dict) else type(event.data).__name__
        if len(self.unwanted) < MAX_UNWANTED:
            one = Unwanted(incoming.topic, incoming.offset, incoming.payload[:500])
            self.unwanted.setdefault((incoming.topic, shape), one)


def _roots(rule: Rule) -> list[Node]:
    resolved = rule.quiet.resolved
    return [rule.condition.root, *([resolved.root] if resolved is not None else [])]


def _covered(seen: _Seen, templates: MarkedTemplates) -> RuleCoverage:
    lines = [
        Line(node.at, f"{node.path} {node.test.text}", id(node) not in seen.unheld)
        for root in _roots(seen.rule)
        for node in walk(root)
        if node.kind == "line"
    ]
    branches = [branch for template in templates_of(seen.rule) for branch in templates.branches(template)]
    return RuleCoverage(
        rule=seen.rule.name,
        place=seen.rule.place,
        acted=seen.acted,
        sends=seen.sends,
        hidden_by=dict(seen.hidden_by),
        lines=tuple(lines),
        branches=tuple(dict.fromkeys(branches)),
    )
