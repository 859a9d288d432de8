"""A decision in the making: what one message or timer has led to so far.

``decide`` and ``fire`` fill a Draft and turn it into a Decision at the end. It holds the rows of state as records, so
that two rules (or two items of one message) that meet the same row see each other's changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from rules.deciding.quiet import rows as quiet_rows
from rules.deciding.quiet.ahead import settle_ahead
from rules.deciding.quiet.rows import FiringRow, GroupRow, KeyRow, QuietRow, ScheduleRow, ThrottleRow, WatchRow
from rules.deciding.quiet.silences import NO_SILENCES, SilenceBook
from rules.deciding.quiet.verdicts import book_name
from rules.deciding.report_facts import ReportFacts
from rules.model import Decision, Judgement, JudgementOutcome, MessageFate, Send, StateChange, StateValue
from rules.ruleset import Rule, RuleSet, SendEntry

RowT = TypeVar("RowT", KeyRow, GroupRow, ThrottleRow, FiringRow, WatchRow, ScheduleRow)


EMPTY: Final = "empty"
"""What drops a post whose template had nothing to say."""


@dataclass(frozen=True, slots=True)
class DecideContext:
    """What a decision may know beside rules, event and state.

    ``key_counts`` are the rows of state each rule holds (semantics.md item 5); a little old is good enough.
    ``unwritten`` names rules whose posts a dry run need not render (rules/deciding/lazy_post.py).
    ``decided_until_us`` is up to when all that was published has been decided; None is now. ``reports`` is what was
    looked up for rules with ``schedule:``, by the row of their timer.
    """

    now_us: int
    silences: SilenceBook = NO_SILENCES
    key_counts: Mapping[str, int] = field(default_factory=dict)
    unwritten: Collection[str] = ()
    decided_until_us: int | None = None
    reports: Mapping[str, ReportFacts] = field(default_factory=dict)


class MissingState(LookupError):
    """A row was asked for that ``match`` (or ``needs_for``) did not announce, or the caller did not read: a bug."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"the state row {key!r} was not read before deciding")


@dataclass(slots=True)
class _Kept:
    """A row to be written at the end; ``record`` None deletes it."""

    record: QuietRow | None
    expires_us: int = 0
    due_us: int | None = None
    waits_for: tuple[str, ...] = ()


class Rows:
    """The rows of state one decision meets, as records that may be changed in place and then kept."""

    def __init__(self, state: Mapping[str, StateValue], now_us: int) -> None:
        self._state = state
        self._now_us = now_us
        self._records: dict[str, QuietRow | None] = {}
        self._kept: dict[str, _Kept] = {}
        self.reads: dict[str, int] = {}

    def find(self, names: Sequence[str], record_type: type[RowT]) -> RowT | None:
        """The row of the first of these names that has one, or None when nothing is remembered. Raises MissingState.

        Names behind the first are those of the time before a rename (``was:``).
        """
        for name in names:
            if name not in self._records:
                value = self._read(name).value
                self._records[name] = None if value is None else self._record(name, value)
            record = self._records[name]
            if isinstance(record, record_type):
                return record
        return None

    def keep(
        self,
        names: Sequence[str],
        record: QuietRow,
        *,
        expires_us: int,
        due_us: int | None = None,
        waits_for: tuple[str, ...] = (),
    ) -> None:
        """Write the row, as it then is, under its first name at the end of the decision; rows of old names go."""
        self._records[names[0]] = record
        self._kept[names[0]] = _Kept(record, expires_us, due_us, waits_for)
        self.forget(names[1:])

    def forget(self, names: Sequence[str]) -> None:
        """Delete the rows of these names at the end of the decision, where there are any."""
        for name in names:
            self._records[name] = None
            if self._read(name).value is not None:
                self._kept[name] = _Kept(None)
            else:
                self._kept.pop(name, None)

    def changes(self) -> tuple[StateChange, ...]:
        """All writes and deletions, one for each row."""
        return tuple(
            StateChange(
                key=name,
                value=None if kept.record is None else quiet_rows.row_to_bytes(kept.record),
                rule=quiet_rows.rule_of(name),
                expires_us=kept.expires_us,
                due_us=kept.due_us,
                waits_for=kept.waits_for,
            )
            for name, kept in self._kept.items()
        )

    def _record(self, name: str, value: bytes) -> QuietRow:
        record = quiet_rows.row_from_bytes(name, value)
        settle_ahead(record, self._now_us)
        return record

    def _read(self, name: str) -> StateValue:
        try:
            value = self._state[name]
        except KeyError:
            raise MissingState(name) from None
        self.reads[name] = value.version
        return value


class Draft:
    """A decision in the making, to which sends and judgements are added."""

    def __init__(self, rule_set: RuleSet, state: Mapping[str, StateValue], context: DecideContext, origin: str) -> None:
        self.rule_set = rule_set
        self.context = context
        self.origin = origin
        self.rows = Rows(state, context.now_us)
        self.counts: Counter[str] = Counter()
        self.failures: dict[str, str] = {}
        self._tally: Counter[str] = Counter()
        self._judgements: list[Judgement] = []
        self.sends: list[Send] = []
        self.shadows: list[Send] = []
        self._used: Counter[tuple[str, str, int]] = Counter()
        self._empty: set[tuple[int, str, int]] = set()

    @property
    def now_us(self) -> int:
        """The time of this decision."""
        return self.context.now_us

    def judge(self, item: int, rule: Rule, entry: SendEntry, key: str, outcome: JudgementOutcome, by: str = "") -> None:
        """Enter one decided (event, rule, send) triple into the books."""
        self._judgements.append(Judgement(item, rule.name, entry.index, entry.to.name, key, outcome, by))
        self._tally["decided"] += 1
        self._enter(outcome, by)

    def judge_dropped(self, item: int, rule: Rule) -> None:
        """Enter that a ``drop: true`` rule took the event: one triple, to no destination."""
        self._judgements.append(Judgement(item, rule.name, 0, "", "", "dropped", f"drop:{rule.name}"))
        self._tally["decided"] += 1
        self._tally[f"dropped/{rule.name}"] += 1

    def note_trouble(self, kind: str, rule: Rule, reason: str) -> None:
        """Count something of the rule that failed; the first reason of each rule is logged."""
        self.counts[kind] += 1
        self.failures.setdefault(rule.name, reason)

    def release(self, stands_for: int) -> None:
        """Enter that so many held triples are posted now, or would be: the send or shadow made of them carries them."""
        self._tally["held"] -= stands_for

    def give_up(self, stands_for: int, destination: str) -> None:
        """Enter that so many triples were for a destination that was taken away, and so were not told."""
        self._tally[f"dropped/removed:{destination}"] += stands_for

    def leave_empty(self, item: int, rule: Rule, entry: SendEntry, stands_for: int) -> None:
        """Enter that so many triples led to a post with nothing in it: their template had nothing to say."""
        self._tally[f"dropped/{EMPTY}"] += stands_for
        self._empty.add((item, rule.name, entry.index))

    def was_empty(self, item: int, rule: Rule, entry: SendEntry) -> bool:
        """Whether the post of this event to this entry had nothing in it."""
        return (item, rule.name, entry.index) in self._empty

    def release_suppressed(self, stands_for: int, by: str) -> None:
        """Enter that so many held triples are given up after all."""
        self._tally["held"] -= stands_for
        self._tally[f"suppressed/{book_name(by)}"] += stands_for

    def origin_of(self, item: int, rule: Rule, entry: SendEntry) -> str:
        """The origin of the next post of a rule's send: a second one of the same decision gets a number of its own."""
        origin = self.origin if self.origin.startswith("t/") else f"{self.origin}/{item}"
        used = self._used[origin, rule.name, entry.index]
        self._used[origin, rule.name, entry.index] += 1
        return f"{origin}/{used}" if used else origin

    def send(self, send: Send, *, shadow: bool) -> None:
        """Add one part of one post."""
        (self.shadows if shadow else self.sends).append(send)
        if send.fallback and send.part == send.parts - 1:
            self.counts["template_errors"] += 1
            self.failures.setdefault(send.rule, send.fallback)

    def decision(self, fate: MessageFate | None) -> Decision:
        """The decision that the draft comes to."""
        return Decision(
            sends=tuple(self.sends),
            shadows=tuple(self.shadows),
            changes=self.rows.changes(),
            judgements=tuple(self._judgements),
            fate=fate,
            tally={name: n for name, n in self._tally.items() if n},
            counts=dict(self.counts),
            reads=self.rows.reads,
            failures=self.failures,
        )

    def _enter(self, outcome: JudgementOutcome, by: str) -> None:
        match outcome:
            case "sent" | "shadow" | "dropped":
                pass  # the delivery carries it (stands_for), or it was counted when it was given up
            case "suppressed":
                self._tally[f"suppressed/{book_name(by)}"] += 1
            case "held" | "updated":
                self._tally[outcome] += 1
