"""backtest: two rule sets over the same stored messages, and what would be told differently.

Both run on virtual clocks from empty state, message by message and timer by timer, so only a few samples and the state
of both are in memory, however many messages there are. A message is decoded once for both, and a post is rendered only
where the two may differ, or to be shown. Rules are compared by name; a rename (``was:``) is none.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from rules.model import Decision, Incoming, Send
from rules.overlay import MemoryState
from rules.quiet.silences import NO_SILENCES, SilenceBook
from rules.rehearsal import Moment, Rehearsal, State, Unpacker
from rules.ruleset import RuleSet
from rules.simulate import Progress
from rules.unwritten import Unwritten, written
from rules.wording import wordings

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

    def add(self, kind: Kind, old: Sequence[Send], new: Sequence[Send], why: str = "") -> None:
        """Count a difference, and keep it as an example if there is room."""
        seen = self.differences.get(kind, 0)
        self.differences[kind] = seen + 1
        if seen < MAX_SAMPLES:
            one = (old or new)[0]
            self.samples.append(Sample(kind, one.origin, one.destination, _text(old), _text(new), why))


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
    stopped: Callable[[], bool] = lambda: False,
    make_state: Callable[[], State] = MemoryState,
) -> BacktestResult:
    """Run both rule sets over the messages, in the order of their publish times, and compare what they tell.

    ``until_us`` lets timers run on behind the last message (default: until it). When ``stopped`` says so, the result is
    that of the messages so far, and ``partial``.
    """
    result = BacktestResult(old.version, new.version)
    pair = _Pair(old, new, silences, make_state, result)
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


class _Pair:
    """Two rule sets side by side, and the comparison of what they tell."""

    def __init__(
        self,
        old: RuleSet,
        new: RuleSet,
        silences: SilenceBook,
        make_state: Callable[[], State],
        result: BacktestResult,
    ) -> None:
        unpack = Unpacker()
        self.before, self.after = (
            Rehearsal(one, silences=silences, state=make_state(), unwritten=one.by_name, unpack=unpack)
            for one in (old, new)
        )
        self.result = result
        self.renamed = {past: rule.name for rule in new.rules for past in rule.was}
        said, now_said = wordings(old), wordings(new)
        self.worded_alike = {name for name, wording in now_said.items() if said.get(name) == wording}

    def run_to(self, now_us: int) -> None:
        """Fire the timers of both."""
        before, after = list(self.before.run_to(now_us)), list(self.after.run_to(now_us))
        if before or after:
            self._compare(before, after)

    def take(self, incoming: Incoming, now_us: int) -> None:
        """Let both decide a message."""
        first, second = self.before.take(incoming, now_us), self.after.take(incoming, now_us)
        one, other = first.decision, second.decision
        before, after = self.result.unmatched
        self.result.unmatched = (before + (one.fate == "unmatched"), after + (other.fate == "unmatched"))
        if one.sends or other.sends:
            self._compare([first], [second])

    def _compare(self, before: list[Moment], after: list[Moment]) -> None:
        """Enter what both told in the same stretch of time."""
        result = self.result
        old = _posts(before, self.renamed)
        new = _posts(after, {})
        for key in old:
            _rule(result, key[1]).old += 1
        for key in new:
            _rule(result, key[1]).new += 1
        for key, sends in old.items():
            difference = _rule(result, key[1])
            if key not in new:
                difference.add("no longer sends", sends, (), _why_quiet(after, key))
            elif not self._alike(sends, new[key]) and _text(sends) != _text(new[key]):
                difference.add("text changed", sends, new[key])
        for key, sends in new.items():
            if key not in old:
                _rule(result, key[1]).add("now sends", (), sends)

    def _alike(self, old: Sequence[Send], new: Sequence[Send]) -> bool:
        """Whether two posts read the same for sure: worded alike, about the same."""
        one, other = old[0].post, new[0].post
        return (
            isinstance(one, Unwritten)
            and isinstance(other, Unwritten)
            and one.scene.rule.name in self.worded_alike
            and one.tells_the_same(other)
        )


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


def _text(sends: Sequence[Send]) -> str:
    """All that people would see of a post, as text to compare."""
    if not sends:
        return ""
    posts = [written(send) for send in sends]
    post = posts[-1]
    parts = [post.title, "".join(one.text for one in posts), post.url, post.severity, post.color, post.icon]
    parts += [post.footer, post.mention]
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
