"""Plays messages and timers through a rule set on a virtual clock, with a state of its own.

What ``rules test``, ``simulate`` and ``backtest`` have in common: the same ``match``, ``decide`` and ``fire`` as the
daemon, one message after another, every due timer in its order before the next message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from rules.deciding.batch_state import InMemoryState
from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext
from rules.deciding.fire import fire, needs_for
from rules.deciding.match import Unpack, match
from rules.deciding.quiet.open_alerts import open_alert
from rules.deciding.quiet.silences import NO_SILENCES, SilenceBook
from rules.deciding.quiet.watch import begin_watch, watch_names
from rules.deciding.report_facts import ReportFacts, TakenAlert, ToldPost
from rules.deciding.scheduled import begin_schedule, schedule_names
from rules.deciding.state_keys import Names
from rules.events.decode import Decoded, DecodeSpec, decode
from rules.language.cases import sample_topic
from rules.model import Decision, Incoming, StateChange, StateValue, Timer
from rules.ruleset import RuleSet


class DryRunState(Protocol):
    """A whole state for one rehearsal, as ``InMemoryState`` keeps it."""

    def read(self, keys: Iterable[str], now_us: int) -> Mapping[str, StateValue]:
        """One value for each key; absent and expired ones with version 0."""

    def commit(self, changes: Iterable[StateChange]) -> None:
        """Write and delete rows."""

    def due(self, now_us: int) -> Timer | None:
        """The earliest timer due at ``now_us``, or None."""

    def counts(self) -> Mapping[str, int]:
        """How many rows each rule holds."""

    def list_due(self) -> list[StateChange]:
        """All rows that are due some day, as they were last written."""


class TooManySteps(Exception):
    """More timers were due than a rehearsal fires between two messages."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most:,} timers were due before the next message; ask for less time")


@dataclass(frozen=True, slots=True)
class DryRunStep:
    """One decision and what it came of: a message or a timer."""

    at_us: int
    decision: Decision
    incoming: Incoming | None = None
    timer: Timer | None = None


class Rehearsal:
    """A rule set at work on a virtual clock. Give it times that never go back.

    ``unwritten`` names rules whose posts are not rendered (lazy_post.py); ``unpack`` may share decoded payloads
    with others who look at the same messages.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        *,
        silences: SilenceBook = NO_SILENCES,
        state: DryRunState | None = None,
        unwritten: Collection[str] = (),
        unpack: Unpack = decode,
    ) -> None:
        self.rule_set = rule_set
        self.silences = silences
        self.state = state if state is not None else InMemoryState()
        self.unwritten = unwritten
        self.unpack = unpack
        self._begun: RuleSet | None = None
        self._told: list[ToldPost] = []
        self._taken: list[TakenAlert] = []

    def begin(self, now_us: int) -> None:
        """Let rules watch and plan reports from now on. Else they do from the first message on."""
        if self._begun is self.rule_set:
            return
        self._begun = self.rule_set
        changes: list[StateChange] = []
        for rule in self.rule_set.rules:
            topic = sample_topic(rule.topics)
            for name, value in self._row_of(watch_names(rule), now_us):
                changes.append(begin_watch(rule, name, value, topic, now_us, anew=False))
            for name, value in self._row_of(schedule_names(rule), now_us):
                change = begin_schedule(rule, name, value, topic, now_us)
                changes += [change] if change is not None else []
        self.state.commit(changes)

    def _row_of(self, names: Names, now_us: int) -> Iterator[tuple[str, bytes | None]]:
        """The row that stands under the first of these names, or under none yet; nothing without names."""
        rows = self.state.read(names, now_us) if names else {}
        name = next((key for key in names if rows[key].value is not None), next(iter(names), ""))
        if name:
            yield name, rows[name].value

    def take(self, incoming: Incoming, now_us: int, decoded: Decoded | None = None) -> DryRunStep:
        """Decide one message at ``now_us``; call ``run_to`` before, so that earlier timers come first."""
        self.begin(now_us)
        matches = match(self.rule_set, incoming, now_us, decoded, self.unpack)
        state = self.state.read(matches.needs, now_us)
        decision = decide(self.rule_set, matches, state, self._context(now_us))
        self._keep(decision, now_us)
        return DryRunStep(now_us, decision, incoming=incoming)

    def run_to(self, now_us: int, most_steps: int | None = None) -> Iterator[DryRunStep]:
        """Fire every timer due up to ``now_us``, each at its own time. Raises TooManySteps beyond ``most_steps``."""
        steps = 0
        while (timer := self.state.due(now_us)) is not None:
            steps += 1
            if most_steps is not None and steps > most_steps:
                raise TooManySteps(most_steps)
            state = self.state.read(needs_for(self.rule_set, timer), timer.due_us)
            context = replace(self._context(timer.due_us), reports=self._reports(timer))
            decision = fire(self.rule_set, timer, state, context)
            self._keep(decision, timer.due_us)
            yield DryRunStep(timer.due_us, decision, timer=timer)

    def next_due_us(self, now_us: int) -> int | None:
        """When the next timer is due, if that is not after ``now_us``."""
        timer = self.state.due(now_us)
        return timer.due_us if timer is not None else None

    def note_taken(self, rule: str, key: str, now_us: int) -> None:
        """Remember for reports that somebody took an alert."""
        self._taken.append(TakenAlert(rule, key, now_us))

    def _keep(self, decision: Decision, now_us: int) -> None:
        self.state.commit(decision.changes)
        if self._reports_anything:
            self._told += [
                ToldPost(send.rule, send.incident or send.key, send.phase, now_us, send.destination)
                for send in decision.sends
                if send.part == send.parts - 1 and send.phase != "report"
            ]

    def _reports(self, timer: Timer) -> Mapping[str, ReportFacts]:
        """What a report of this timer is about, if it makes one."""
        if not timer.key.startswith("s/"):
            return {}
        rows = self.state.list_due()
        alerts = [alert for row in rows if (alert := open_alert(row.key, row.value, row.rule)) is not None]
        return {timer.key: ReportFacts(tuple(alerts), tuple(self._told), tuple(self._taken))}

    @property
    def _reports_anything(self) -> bool:
        return any(rule.scheduled is not None for rule in self.rule_set.rules)

    def _context(self, now_us: int) -> DecideContext:
        return DecideContext(now_us, self.silences, self.state.counts(), self.unwritten)


class Unpacker:
    """Takes the payload of the message at hand apart once for each spec, however many rule sets look at it."""

    def __init__(self) -> None:
        self._payload = ""
        self._decoded: dict[tuple[str, int], Decoded] = {}

    def __call__(self, payload: str, spec: DecodeSpec) -> Decoded:
        """See ``decode``. Specs of the same text share, unless their schemas are of different rule sets."""
        if payload is not self._payload:
            self._payload = payload
            self._decoded.clear()
        key = (spec.text, id(spec.schema))
        decoded = self._decoded.get(key)
        if decoded is None:
            decoded = self._decoded[key] = decode(payload, spec)
        return decoded
