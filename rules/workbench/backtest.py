"""backtest: two rule sets over the same stored messages, and what would be told differently.

Both run on virtual clocks from empty state, message by message and timer by timer, so only a few samples and the state
of both are in memory, however many messages there are. A message is decoded once for both, and a post is rendered only
where the two may differ, or to be shown. Rules are compared by name; a rename (``was:``) is none.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final, Literal, TypeAlias

from rules.deciding.batch_state import InMemoryState
from rules.deciding.lazy_post import Unwritten, render_send
from rules.language.wording import wordings
from rules.model import Incoming, Send
from rules.ruleset import RuleSet
from rules.workbench.dry_run import DryRunState, DryRunStep, Rehearsal, Unpacker
from rules.workbench.simulate import Progress

MAX_SAMPLES: Final = 3
"""How many examples of each kind of difference are kept for each rule."""
PROGRESS_EVERY: Final = 500
ChangeKind: TypeAlias = Literal["now sends", "no longer sends", "text changed"]
SendKey: TypeAlias = tuple[str, str, int, str]
"""Origin, rule, which of several sends to the destination, destination."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One difference: where it comes from, to whom, and the texts. ``why`` names what keeps it quiet now."""

    kind: ChangeKind
    origin: str
    destination: str
    old_text: str
    new_text: str
    why: str = ""

    def diff(self) -> list[str]:
        """The lines that differ, as a unified diff without its head."""
        lines = difflib.unified_diff(self.old_text.splitlines(), self.new_text.splitlines(), lineterm="", n=1)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@dataclass(slots=True)
class RuleDifference:
    """What would be different for one rule. ``old`` and ``new`` count its posts in either rule set."""

    rule: str
    old: int = 0
    new: int = 0
    differences: dict[ChangeKind, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def add(self, kind: ChangeKind, old: Sequence[Send], new: Sequence[Send], why: str = "") -> None:
        """Count a difference, and keep it as an example if there is room."""
        seen = self.differences.get(kind, 0)
        self.differences[kind] = seen + 1
        if seen < MAX_SAMPLES:
            send = (old or new)[0]
            self.samples.append(Sample(kind, send.origin, send.destination, _text(old), _text(new), why))


@dataclass(slots=True)
class BacktestResult:
    """What two rule sets make of the same messages; ``partial`` when it was stopped before their end.

    ``noisiest`` are the new set's rules with the most posts.
    """

    old_version: str
    new_version: str
    messages: int = 0
    first_us: int = 0
    last_us: int = 0
    rules: dict[str, RuleDifference] = field(default_factory=dict)
    unmatched: tuple[int, int] = (0, 0)
    partial: bool = False

    @property
    def changed(self) -> list[RuleDifference]:
        """The rules that would tell something else, by name."""
        return sorted((rule for rule in self.rules.values() if rule.differences), key=lambda entry: entry.rule)

    def list_noisiest(self, count: int = 5) -> list[RuleDifference]:
        """The rules with the most posts in the new rule set."""
        return sorted((rule for rule in self.rules.values() if rule.new), key=lambda entry: (-entry.new, entry.rule))[
            :count
        ]


def backtest(
    old: RuleSet,
    new: RuleSet,
    stream: Iterable[Incoming],
    *,
    until_us: int | None = None,
    progress: Progress = lambda messages: None,
    stopped: Callable[[], bool] = lambda: False,
    make_state: Callable[[], DryRunState] = InMemoryState,
) -> BacktestResult:
    """Run both rule sets over the messages, in the order of their publish times, and compare what they tell.

    Silences are left out. ``until_us`` lets timers run on behind the last message (default: until it). When ``stopped``
    says so, the result is that of the messages so far, and ``partial``.
    """
    result = BacktestResult(old.version, new.version)
    pair = RulePair(old, new, make_state, result)
    for incoming in stream:
        if stopped():
            result.partial = True
            break
        now_us = max(result.last_us, incoming.publish_time_us)
        pair.run_to(now_us)
        pair.take(incoming, now_us)
        result.first_us = result.first_us if result.messages else now_us
        result.last_us = now_us
        result.messages += 1
        if result.messages % PROGRESS_EVERY == 0:
            progress(result.messages)
    pair.run_to(result.last_us if until_us is None or result.partial else until_us)
    progress(result.messages)
    return result


class RulePair:
    """Two rule sets side by side, and the comparison of what they tell. ``result`` counts, and may be changed."""

    def __init__(
        self,
        old: RuleSet,
        new: RuleSet,
        make_state: Callable[[], DryRunState],
        result: BacktestResult,
    ) -> None:
        unpack = Unpacker()
        self.before, self.after = (
            Rehearsal(rule_set, state=make_state(), unwritten=rule_set.by_name, unpack=unpack)
            for rule_set in (old, new)
        )
        self.result = result
        self.renamed = {past: rule.name for rule in new.rules for past in rule.was}
        old_wordings, now_said = wordings(old), wordings(new)
        self.worded_alike = {name for name, wording in now_said.items() if old_wordings.get(name) == wording}

    def run_to(self, now_us: int) -> None:
        """Fire the timers of both, one time after another: of what is due at the same time, the posts are compared."""
        while (at_us := self._next_due_us(now_us)) is not None:
            self._meet(self.before.run_to(at_us), self.after.run_to(at_us))

    def take(self, incoming: Incoming, now_us: int) -> None:
        """Let both decide a message."""
        self.compare(self.before.take(incoming, now_us), self.after.take(incoming, now_us))

    def compare(self, first: DryRunStep, second: DryRunStep) -> None:
        """Enter what both made of the same message."""
        decision, other = first.decision, second.decision
        before, after = self.result.unmatched
        self.result.unmatched = (before + (decision.fate == "unmatched"), after + (other.fate == "unmatched"))
        if decision.sends or other.sends:
            self._meet([first], [second])

    def _next_due_us(self, now_us: int) -> int | None:
        dues = (self.before.next_due_us(now_us), self.after.next_due_us(now_us))
        return min((due for due in dues if due is not None), default=None)

    def _meet(self, before: Iterable[DryRunStep], after: Iterable[DryRunStep]) -> None:
        """Enter what both told at one time. They are looked at in turn, so that what is alike is soon forgotten."""
        old: dict[SendKey, Sequence[Send]] = {}
        new: dict[SendKey, Sequence[Send]] = {}
        quiet: dict[tuple[str, str], str] = {}
        for left, other in zip_longest(before, after):
            for key, sends in _posts(left, self.renamed) if left is not None else ():
                _rule(self.result, key[1]).old += 1
                self._pair(key, sends, new.pop(key, ())) if key in new else old.update({key: sends})
            for key, sends in _posts(other, {}) if other is not None else ():
                _rule(self.result, key[1]).new += 1
                self._pair(key, old.pop(key, ()), sends) if key in old else new.update({key: sends})
            for judgement in other.decision.judgements if other is not None else ():
                if judgement.by:
                    quiet.setdefault((judgement.rule, judgement.destination), judgement.by)
        for key, gone in old.items():
            why = quiet.get((key[1], key[3]), "") or quiet.get((key[1], ""), "")
            _rule(self.result, key[1]).add("no longer sends", gone, (), why)
        for key, added in new.items():
            _rule(self.result, key[1]).add("now sends", (), added)

    def _pair(self, key: SendKey, old: Sequence[Send], new: Sequence[Send]) -> None:
        if not self._alike(old, new) and _text(old) != _text(new):
            _rule(self.result, key[1]).add("text changed", old, new)

    def _alike(self, old: Sequence[Send], new: Sequence[Send]) -> bool:
        """Whether two posts read the same for sure: worded alike, about the same."""
        post, other = old[0].post, new[0].post
        return (
            isinstance(post, Unwritten)
            and isinstance(other, Unwritten)
            and post.scene.rule.name in self.worded_alike
            and post.tells_the_same(other)
        )


def _posts(moment: DryRunStep, renamed: Mapping[str, str]) -> Iterable[tuple[SendKey, list[Send]]]:
    """The posts (all parts of one together) by what they are about: origin, rule, which of several, destination."""
    posts: dict[SendKey, list[Send]] = {}
    numbers: dict[tuple[str, str, str], dict[int, int]] = {}
    for send in moment.decision.sends:
        rule = renamed.get(send.rule, send.rule)
        origin = send.origin.replace(f"/{send.rule}/", f"/{rule}/", 1) if rule != send.rule else send.origin
        sends = numbers.setdefault((origin, rule, send.destination), {})
        number = sends.setdefault(send.send, len(sends))
        posts.setdefault((origin, rule, number, send.destination), []).append(send)
    return posts.items()


def _text(sends: Sequence[Send]) -> str:
    """All that people would see of a post, as text to compare."""
    if not sends:
        return ""
    posts = [render_send(send) for send in sends]
    post = posts[-1]
    parts = [post.title, "".join(part.text for part in posts), post.url, post.severity, post.color, post.icon]
    parts += [post.footer, post.mention]
    parts += [f"{card_field.title}: {card_field.value}" for card_field in post.fields]
    parts += [f"{name}: {value}" for name, value in post.overrides.items()]
    if post.body is not None:
        parts.append(repr(post.body))
    return "\n".join(part for part in parts if part)


def _rule(result: BacktestResult, name: str) -> RuleDifference:
    difference = result.rules.get(name)
    if difference is None:
        difference = result.rules[name] = RuleDifference(name)
    return difference
