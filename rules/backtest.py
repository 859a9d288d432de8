"""backtest: two rule sets over the same stored messages, and what would be told differently.

Both run on virtual clocks from empty state, message by message and timer by timer, so only a few samples and the state
of both are in memory, however many messages there are. Rules are compared by name; a rename (``was:``) is none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from rules.model import Decision, Incoming, Send
from rules.quiet.silences import NO_SILENCES, SilenceBook
from rules.rehearsal import Moment, Rehearsal
from rules.ruleset import RuleSet
from rules.simulate import Progress

MAX_SAMPLES: Final = 3
"""How many examples of each kind of difference are kept for each rule."""
PROGRESS_EVERY: Final = 500
Kind: TypeAlias = Literal["now sends", "no longer sends", "text changed"]
SendKey: TypeAlias = tuple[str, str, int, str]
"""Origin, rule, which of several sends to the destination, destination."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One difference: where it comes from, to whom, and the texts. ``why`` names what keeps it quiet now."""

    kind: Kind
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
    differences: dict[Kind, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """Count a difference, and keep it as an example if there is room."""
        seen = self.differences.get(sample.kind, 0)
        self.differences[sample.kind] = seen + 1
        if seen < MAX_SAMPLES:
            self.samples.append(sample)


@dataclass(slots=True)
class BacktestResult:
    """What two rule sets make of the same messages. ``noisiest`` are the new set's rules with the most posts."""

    old_version: str
    new_version: str
    messages: int = 0
    first_us: int = 0
    last_us: int = 0
    rules: dict[str, RuleDifference] = field(default_factory=dict)
    unmatched: tuple[int, int] = (0, 0)

    @property
    def changed(self) -> list[RuleDifference]:
        """The rules that would tell something else, by name."""
        return sorted((one for one in self.rules.values() if one.differences), key=lambda one: one.rule)

    def noisiest(self, count: int = 5) -> list[RuleDifference]:
        """The rules with the most posts in the new rule set."""
        return sorted((one for one in self.rules.values() if one.new), key=lambda one: (-one.new, one.rule))[:count]


def backtest(
    old: RuleSet,
    new: RuleSet,
    stream: Iterable[Incoming],
    *,
    silences: SilenceBook = NO_SILENCES,
    until_us: int | None = None,
    progress: Progress = lambda messages: None,
) -> BacktestResult:
    """Run both rule sets over the messages, in the order of their publish times, and compare what they tell.

    ``until_us`` lets timers run on behind the last message (default: until it).
    """
    result = BacktestResult(old.version, new.version)
    before, after = Rehearsal(old, silences=silences), Rehearsal(new, silences=silences)
    renamed = {past: rule.name for rule in new.rules for past in rule.was}
    for incoming in stream:
        now_us = max(result.last_us, incoming.publish_time_us)
        _compare(result, renamed, list(before.run_to(now_us)), list(after.run_to(now_us)))
        first, second = before.take(incoming, now_us), after.take(incoming, now_us)
        _compare(result, renamed, [first], [second])
        result.unmatched = (
            result.unmatched[0] + (first.decision.fate == "unmatched"),
            result.unmatched[1] + (second.decision.fate == "unmatched"),
        )
        result.first_us = result.first_us if result.messages else now_us
        result.last_us = now_us
        result.messages += 1
        if result.messages % PROGRESS_EVERY == 0:
            progress(result.messages)
    last_us = result.last_us if until_us is None else until_us
    _compare(result, renamed, list(before.run_to(last_us)), list(after.run_to(last_us)))
    progress(result.messages)
    return result


def _compare(result: BacktestResult, renamed: Mapping[str, str], before: list[Moment], after: list[Moment]) -> None:
    """Enter what both told in the same stretch of time."""
    old = _posts(before, renamed)
    new = _posts(after, {})
    for key in old:
        _rule(result, key[1]).old += 1
    for key in new:
        _rule(result, key[1]).new += 1
    for key, sends in old.items():
        if key not in new:
            why = _why_quiet(after, key)
            sample = Sample("no longer sends", sends[0].origin, key[3], _text(sends), "", why)
            _rule(result, key[1]).add(sample)
        elif _text(sends) != _text(new[key]):
            sample = Sample("text changed", sends[0].origin, key[3], _text(sends), _text(new[key]))
            _rule(result, key[1]).add(sample)
    for key, sends in new.items():
        if key not in old:
            _rule(result, key[1]).add(Sample("now sends", sends[0].origin, key[3], "", _text(sends)))


def _posts(moments: Iterable[Moment], renamed: Mapping[str, str]) -> dict[SendKey, list[Send]]:
    """The posts (all parts of one together) by what they are about: origin, rule, destination, and which of several."""
    posts: dict[SendKey, list[Send]] = {}
    for moment in moments:
        numbers: dict[tuple[str, str, str], dict[int, int]] = {}
        for send in moment.decision.sends:
            rule = renamed.get(send.rule, send.rule)
            origin = send.origin.replace(f"/{send.rule}/", f"/{rule}/", 1) if rule != send.rule else send.origin
            sends = numbers.setdefault((origin, rule, send.destination), {})
            number = sends.setdefault(send.send, len(sends))
            posts.setdefault((origin, rule, number, send.destination), []).append(send)
    return posts


def _text(sends: list[Send]) -> str:
    """All that people would see of a post, as text to compare."""
    post = sends[-1].post
    parts = [post.title, "".join(send.post.text for send in sends), post.url, post.severity, post.footer, post.mention]
    parts += [f"{one.title}: {one.value}" for one in post.fields]
    parts += [f"{name}: {value}" for name, value in post.overrides.items()]
    if post.body is not None:
        parts.append(repr(post.body))
    return "\n".join(part for part in parts if part)


def _why_quiet(after: Iterable[Moment], key: SendKey) -> str:
    """What the new rule set says of the same send, if it decided it."""
    return next((_reason(moment.decision, key) for moment in after if _reason(moment.decision, key)), "")


def _reason(decision: Decision, key: SendKey) -> str:
    return next(
        (one.by for one in decision.judgements if one.rule == key[1] and one.destination in (key[3], "") and one.by), ""
    )


def _rule(result: BacktestResult, name: str) -> RuleDifference:
    found = result.rules.get(name)
    if found is None:
        found = result.rules[name] = RuleDifference(name)
    return found
