"""coverage: what of a rule set never mattered to a stream of messages, and which messages no rule wanted.

Rules that never acted (and who hid them), conditions that never held, branches of templates that were never taken. Runs
the rules as the daemon would, on a virtual clock from empty state; what has once been seen is not asked again, and a
rule of whose templates all branches are known is not rendered any more, so a long stream costs little more than
deciding it. Of more than two hundred rules that never acted, not every condition is asked of every message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rules.conditions.clauses import ConditionNode, walk_conditions
from rules.conditions.conditions import part_holds
from rules.deciding.batch_state import InMemoryState
from rules.deciding.match import EventView, event_of, items_of, views_of, when_holds
from rules.deciding.vars import set_vars
from rules.language.read import rebuild
from rules.language.sources import World
from rules.model import Decision, Event, Incoming
from rules.ruleset import Rule, RuleSet
from rules.source.problems import Place
from rules.workbench.dry_run import DryRunState, DryRunStep, Rehearsal, Unpacker
from rules.workbench.simulate import Progress
from rules.workbench.template_coverage import Branch, MarkedTemplates, templates_of

MAX_UNWANTED: Final = 20
MAX_SHOWN_RUNES: Final = 500
MAX_ASKED: Final = 200
"""How many rules with open questions are asked for each event; of more, they are asked in turn."""
PROGRESS_EVERY: Final = 500


@dataclass(frozen=True, slots=True)
class ConditionCoverage:
    """One condition of a rule: where it stands, what it says, and whether it ever held."""

    place: Place
    text: str
    held: bool


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """What of one rule mattered.

    ``hidden_by`` is for one that never acted: the events it would have taken, by the rule that stopped them.
    """

    rule: str
    place: Place
    acted: int
    sends: int
    hidden_by: dict[str, int]
    lines: tuple[ConditionCoverage, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A message that no rule wanted; ``text`` is the beginning of its decoded payload."""

    topic: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class CoverageResult:
    """What a stream of messages touched; ``partial`` when it was stopped before the end.

    ``unwanted`` are the first few of the ``unmatched``, one of each shape.
    """

    version: str
    messages: int
    unmatched: int
    undecodable: int
    first_us: int
    last_us: int
    rules: tuple[RuleCoverage, ...]
    unwanted: tuple[Unwanted, ...]
    partial: bool = False


@dataclass(slots=True)
class _Seen:
    """What is known of one rule so far. ``untaken`` are the branches of its templates, by number."""

    rule: Rule
    acted: int = 0
    sends: int = 0
    hidden_by: Counter[str] = field(default_factory=Counter)
    unheld: dict[int, ConditionNode] = field(default_factory=dict)
    when_held: bool = False
    untaken: frozenset[int] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to ask of events."""
        return bool(self.unheld) or not self.acted


def coverage(
    rule_set: RuleSet,
    world: World,
    stream: Iterable[Incoming],
    *,
    until_us: int | None = None,
    progress: Progress = lambda messages: None,
    stopped: Callable[[], bool] = lambda: False,
    make_state: Callable[[], DryRunState] = InMemoryState,
) -> CoverageResult:
    """Run the rules over the messages, in the order of their publish times, and say what never mattered.

    Silences are left out. When ``stopped`` says so, the result is that of the messages so far, and ``partial``.
    """
    marked: list[MarkedTemplates] = []

    def environment(tables: Mapping[str, Any]) -> MarkedTemplates:
        marked.append(MarkedTemplates(tables))
        return marked[-1]

    watched = _Watched(rebuild(rule_set.sources, world, environment), marked[-1], make_state())
    for incoming in stream:
        if stopped():
            watched.partial = True
            break
        watched.hear(incoming)
        if watched.messages % PROGRESS_EVERY == 0:
            progress(watched.messages)
    watched.run_to(watched.last_us if until_us is None or watched.partial else until_us)
    progress(watched.messages)
    return watched.result()


class _Watched:
    """A rule set under watch, and all that was seen of it."""

    def __init__(self, rule_set: RuleSet, templates: MarkedTemplates, state: DryRunState) -> None:
        self.rule_set = rule_set
        self.templates = templates
        self.messages = self.unmatched = self.undecodable = 0
        self.first_us = self.last_us = 0
        self.partial = False
        self.unwanted: dict[object, Unwanted] = {}
        self.seen = {rule.name: _Seen(rule) for rule in rule_set.rules}
        for seen in self.seen.values():
            for root in _roots(seen.rule):
                seen.unheld.update({id(node): node for node in walk_conditions(root)})
            seen.untaken = frozenset().union(*(templates.numbers(template) for template in templates_of(seen.rule)))
        self._open: dict[int, list[_Seen]] = {}
        self._taken = -1
        self._unwritten: set[str] = set()
        self._unpack = Unpacker()
        self._rehearsal = Rehearsal(rule_set, state=state, unwritten=self._unwritten, unpack=self._unpack)

    def hear(self, incoming: Incoming) -> None:
        """Take in one message, and the timers before it."""
        now_us = max(self.last_us, incoming.publish_time_us)
        self.run_to(now_us)
        moment = self._rehearsal.take(incoming, now_us)
        self._count(moment)
        self._look(incoming, moment.decision, now_us)
        self.first_us = self.first_us if self.messages else now_us
        self.last_us = now_us
        self.messages += 1
        self.unmatched += moment.decision.fate == "unmatched"
        self.undecodable += "undecodable" in moment.decision.counts

    def run_to(self, now_us: int) -> None:
        """Let timers fire."""
        for moment in self._rehearsal.run_to(now_us):
            self._count(moment)

    def result(self) -> CoverageResult:
        """All of it, rules in file order."""
        return CoverageResult(
            version=self.rule_set.version,
            messages=self.messages,
            unmatched=self.unmatched,
            undecodable=self.undecodable,
            first_us=self.first_us,
            last_us=self.last_us,
            rules=tuple(_cover(seen, self.templates) for seen in self.seen.values()),
            unwanted=tuple(self.unwanted.values()),
            partial=self.partial,
        )

    def _count(self, moment: DryRunStep) -> None:
        """Enter what a message or timer led to."""
        for judgement in moment.decision.judgements:
            if judgement.rule in self.seen:
                self.seen[judgement.rule].acted += 1
        for send in moment.decision.sends:
            if send.rule in self.seen:
                self.seen[send.rule].sends += send.part == send.parts - 1
        if len(self.templates.taken) != self._taken:
            self._taken = len(self.templates.taken)
            self._unwritten.update(name for name, seen in self.seen.items() if seen.untaken <= self.templates.taken)

    def _look(self, incoming: Incoming, decision: Decision, now_us: int) -> None:
        """Ask the conditions that never held yet, find who hid whom, and keep what no rule wanted."""
        for view in views_of(self.rule_set, incoming.topic):
            open_rules = self._open_rules(view)
            if not open_rules and decision.fate != "unmatched":
                continue
            event = event_of(incoming, self._unpack(incoming.payload, view.decode))
            for item in items_of(event, view.for_each):
                for seen in open_rules:
                    self._look_at(seen, item, decision, now_us)
            if decision.fate == "unmatched":
                self._note_unwanted(incoming, event)

    def _open_rules(self, view: EventView) -> list[_Seen]:
        """Those of the view's rules of which something is still to be seen; of many, some in turn."""
        rules = self._open.get(id(view))
        if rules is None:
            rules = [self.seen[rule.name] for rule in view.rules]
        self._open[id(view)] = rules = [seen for seen in rules if seen.is_open]
        if len(rules) <= MAX_ASKED:
            return rules
        start = self.messages * MAX_ASKED % len(rules)
        return [*rules[start : start + MAX_ASKED], *rules[: max(0, start + MAX_ASKED - len(rules))]]

    def _look_at(self, seen: _Seen, item: Event, decision: Decision, now_us: int) -> None:
        rule = seen.rule
        if item.undecodable is not None and not rule.condition.knows_undecodable:
            return
        event = set_vars(self.rule_set, rule, item, now_us)[0] if rule.asks_vars else item
        for number in [number for number, node in seen.unheld.items() if part_holds(node, event, now_us)]:
            del seen.unheld[number]
        if not seen.acted and rule.condition.holds(event, now_us) and self._when_holds(seen, event, now_us):
            stopper = next((judgement for judgement in decision.judgements if self._stops(judgement.rule, rule)), None)
            if stopper is not None:
                seen.hidden_by[stopper.rule] += 1

    def _when_holds(self, seen: _Seen, event: Event, now_us: int) -> bool:
        if seen.rule.when is None:
            return True
        known = set_vars(self.rule_set, seen.rule, event, now_us)[0]
        holds = when_holds(self.rule_set, seen.rule, known, now_us)
        seen.when_held = seen.when_held or holds
        return holds

    def _stops(self, name: str, rule: Rule) -> bool:
        other = self.seen[name].rule if name in self.seen else None
        return other is not None and other.position < rule.position and (other.stop or other.drop)

    def _note_unwanted(self, incoming: Incoming, event: Event) -> None:
        if len(self.unwanted) < MAX_UNWANTED:
            shape = tuple(sorted(event.data)) if isinstance(event.data, dict) else type(event.data).__name__
            unwanted = Unwanted(incoming.topic, incoming.offset, event.text[:MAX_SHOWN_RUNES])
            self.unwanted.setdefault((incoming.topic, shape), unwanted)


def _roots(rule: Rule) -> list[ConditionNode]:
    resolved = rule.quiet.resolved
    return [rule.condition.root, *([resolved.root] if resolved is not None else [])]


def _cover(seen: _Seen, templates: MarkedTemplates) -> RuleCoverage:
    rule = seen.rule
    lines = [
        ConditionCoverage(node.at, _text_of(node), id(node) not in seen.unheld)
        for root in _roots(rule)
        for node in walk_conditions(root)
        if node.kind in ("line", "not", "undecodable")
    ]
    if rule.when is not None:
        at = rule.key_places.get("when", rule.place)
        lines.append(ConditionCoverage(at, f"{rule.path}.when", seen.when_held or bool(seen.acted)))
    branches = [branch for template in templates_of(rule) for branch in templates.branches(template)]
    return RuleCoverage(
        rule=rule.name,
        place=rule.place,
        acted=seen.acted,
        sends=seen.sends,
        hidden_by={} if seen.acted else dict(seen.hidden_by),
        lines=tuple(lines),
        branches=tuple(dict.fromkeys(branches)),
    )


def _text_of(node: ConditionNode) -> str:
    return f"{node.path} {node.test.text}" if node.kind == "line" else node.path
