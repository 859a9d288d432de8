"""Runs the ``tests:`` of rule files, and says in words what differs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rules.case import Case, Expected, ExpectedQuiet, Matcher
from rules.conditions.regex import compile_regex
from rules.deciding.batch_state import ABSENT
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.model import Judgement, Post, Send
from rules.ruleset import RuleSet
from rules.source.words import duration_text
from rules.workbench.dry_run import DryRunStep, TooManySteps
from rules.workbench.explain import explain
from rules.workbench.play_case import SLACK_US, play_case

MAX_REASONS: Final = 3
ReadSnapshot = Callable[[Case, str], str | None]
"""The text of a snapshot file that a case names, or None if there is none yet."""


@dataclass(frozen=True, slots=True)
class ToldSend:
    """A send of a case, its parts joined again, ``at_us`` after the start; in ``shadow`` it is not really sent."""

    at_us: int
    send: Send
    post: Post
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class KeptQuiet:
    """A send of a case that was kept quiet, held or dropped, ``at_us`` after the start."""

    at_us: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case went. ``differences`` is empty when it passed; ``snapshots`` are texts that its files should hold."""

    case: Case
    differences: tuple[str, ...]
    told: tuple[ToldSend, ...]
    quiet: tuple[KeptQuiet, ...]
    snapshots: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it went as expected."""
        return not self.differences


def run_cases(
    rule_set: RuleSet, cases: Iterable[Case], read_snapshot: ReadSnapshot = lambda case, name: None
) -> Iterator[CaseResult]:
    """Run each case on a state and clock of its own, in the given order."""
    for case in cases:
        yield run_case(rule_set, case, read_snapshot)


def run_case(rule_set: RuleSet, case: Case, read_snapshot: ReadSnapshot = lambda case, name: None) -> CaseResult:
    """Play the case's messages and timers, then compare."""
    untaken: list[str] = []
    try:
        moments = list(play_case(rule_set, case, untaken))
    except TooManySteps as many:
        return CaseResult(case, (str(many),), (), ())
    sent = tuple(send for moment in moments for send in _join_parts(case, moment))
    quiet = tuple(
        KeptQuiet(moment.at_us - case.start_us, judgement)
        for moment in moments
        for judgement in moment.decision.judgements
        if judgement.outcome not in ("sent", "shadow")
    )
    compared = _Comparison(rule_set, case, read_snapshot, quiet)
    compared.differences += untaken
    compared.compare_sends(sent)
    compared.compare_quiet()
    compared.compare_failures(failure for moment in moments for failure in moment.decision.failures.items())
    return CaseResult(case, tuple(compared.differences), sent, quiet, compared.snapshots)


def _join_parts(case: Case, moment: DryRunStep) -> Iterator[ToldSend]:
    text = ""
    for sends, shadow in ((moment.decision.sends, False), (moment.decision.shadows, True)):
        for send in sends:
            text += send.post.text
            if send.part == send.parts - 1:
                yield ToldSend(moment.at_us - case.start_us, send, replace(send.post, text=text), shadow)
                text = ""


class _Comparison:
    """What a case expects against what happened."""

    def __init__(
        self, rule_set: RuleSet, case: Case, read_snapshot: ReadSnapshot, quiet: tuple[KeptQuiet, ...]
    ) -> None:
        self.rule_set = rule_set
        self.case = case
        self.read_snapshot = read_snapshot
        self.quiet = quiet
        self.differences: list[str] = []
        self.snapshots: dict[str, str] = {}

    def compare_sends(self, sent: tuple[ToldSend, ...]) -> None:
        """Each expectation takes one send that fits it; none may be left over on either side."""
        if self.case.expect is None:
            return
        fits = [
            [n for n, send in enumerate(sent) if not self._differences(expected, send)] for expected in self.case.expect
        ]
        taken = pairs(fits)
        left = [send for n, send in enumerate(sent) if n not in taken.values()]
        for number, expected in enumerate(self.case.expect):
            if number in taken:
                self._remember_snapshots(expected, sent[taken[number]])
                continue
            near = next((send for send in left if _could_be_meant(expected, send)), None)
            if near is None:
                why = "".join(f"\n  {line}" for line in self._why_not(expected))
                self.differences.append(
                    f"{expected.place}: expected {_name_expected(expected)}, but it was not sent{why}"
                )
                continue
            left.remove(near)
            self._remember_snapshots(expected, near)
            lines = "\n".join(self._differences(expected, near))
            self.differences.append(f"{expected.place}: {_name_expected(expected)} differs:\n{lines}")
        self.differences += [f"{self.case.place}: not expected: {show_send(send)}" for send in left]

    def compare_quiet(self) -> None:
        """Each expectation takes one that fits it; others may have been kept quiet too."""
        fits = [
            [n for n, quiet in enumerate(self.quiet) if _is_quiet_so(expected, quiet)] for expected in self.case.quiet
        ]
        taken = pairs(fits)
        for number, expected in enumerate(self.case.quiet):
            if number not in taken:
                text = ", ".join(_quiet_shown(quiet) for quiet in self.quiet) or "nothing"
                key = expected.key and f'with the key "{expected.key}"'
                at = f"at {_at(expected.at_us)}" if expected.at_us is not None else ""
                words = (
                    expected.rule,
                    expected.to and f"to {expected.to}",
                    expected.by and f"by {expected.by}",
                    key,
                    at,
                )
                wanted = " ".join(filter(None, words)) or "anything"
                self.differences.append(f"{expected.place}: expected to be kept quiet: {wanted}; it was: {text}")

    def compare_failures(self, failures: Iterable[tuple[str, str]]) -> None:
        """Templates that failed without a send that shows it: a key, a ``when``, or a post that nobody compared."""
        expected = {expectation.rule for expectation in self.case.expect or () if expectation.fallback is not None}
        text = "\n".join(self.differences)
        for rule, reason in dict.fromkeys(failures):
            if not expected & {rule, ""} and reason not in text:
                self.differences.append(f"{self.case.place}: a template of {rule} failed: {reason}")

    def _why_not(self, expected: Expected) -> Iterator[str]:
        """What happened in place of a send that was not made: what kept it quiet, or why its rule did not act."""
        quiet = [
            judgement
            for judgement in self.quiet
            if expected.rule in ("", judgement.judgement.rule)
            and (not expected.to or judgement.judgement.destination in (expected.to, ""))
        ]
        yield from (_quiet_shown(judgement) for judgement in quiet[:MAX_REASONS])
        rule = self.rule_set.by_name.get(expected.rule)
        if quiet or rule is None:
            return
        for message in self.case.messages[:MAX_REASONS]:
            now_us = self.case.start_us + message.at_us
            state = dict.fromkeys(match(self.rule_set, message.incoming, now_us, message.decoded).needs, ABSENT)
            explanation = explain(self.rule_set, message.incoming, state, DecideContext(now_us), message.decoded)
            if rule.name in explanation.unheard:
                yield f"{rule.name} does not hear {message.incoming.topic}"
            reasons = (
                f"{explained.fate}: {explained.reason}"
                for explained in explanation.rules
                if explained.rule == rule.name and explained.reason
            )
            yield from (f"{rule.name}, message at {_at(message.at_us)}: {reason}" for reason in reasons)

    def _differences(self, expected: Expected, sent: ToldSend) -> list[str]:
        send, post = sent.send, sent.post
        differences: list[str] = []
        if expected.rule and expected.rule != send.rule:
            differences.append(f"  rule: {send.rule}")
        if expected.to and expected.to != send.destination:
            differences.append(f"  to: {send.destination}")
        if not _is_at(expected.at_us, sent.at_us):
            differences.append(f"  at: {_at(sent.at_us)}, not {_at(expected.at_us or 0)}")
        if expected.shadow is not None and expected.shadow != sent.shadow:
            differences.append(f"  shadow: {'true' if sent.shadow else 'false'}")
        for part, matcher in expected.parts.items():
            value = getattr(send if part in ("key", "phase") else post, part)
            differences += self._compare(part, matcher, value)
        values = {card_field.title: card_field.value for card_field in post.fields}
        for title, matcher in expected.fields.items():
            differences += self._compare(f"field {title}", matcher, values.get(title))
        for key, matcher in expected.overrides.items():
            differences += self._compare(key, matcher, post.overrides.get(key))
        if expected.body is not None:
            differences += self._compare("body", expected.body, post.body)
        if expected.fallback is not None:
            differences += self._compare("fallback", expected.fallback, send.fallback)
        elif send.fallback:
            differences.append(f"  a template failed: {send.fallback}; mend it, or expect it with fallback:")
        return differences

    def _compare(self, name: str, matcher: Matcher, value: Any) -> list[str]:
        text = _as_text(value)
        differences: list[str] = []
        if matcher.wants_equal and not _equal(matcher.equals, value):
            differences += _diff(name, matcher.equals, value)
        differences += [f'  {name} lacks "{given}": {text}' for given in matcher.contains if given not in text]
        differences += [f'  {name} contains "{given}": {text}' for given in matcher.lacks if given in text]
        differences += [
            f'  {name} does not match "{given}": {text}'
            for given in matcher.regex
            if not compile_regex(given).search(text)
        ]
        if matcher.snapshot:
            stored = self.read_snapshot(self.case, matcher.snapshot)
            if stored is None:
                differences.append(f"  {name}: there is no snapshot {matcher.snapshot} yet; --update writes it")
            elif stored.rstrip("\n") != text.rstrip("\n"):
                differences += _diff(name, stored, text)
        return differences

    def _remember_snapshots(self, expected: Expected, sent: ToldSend) -> None:
        send, post = sent.send, sent.post
        fields = {card_field.title: card_field.value for card_field in post.fields}
        seen = [
            *(
                (matcher, getattr(send if part in ("key", "phase") else post, part))
                for part, matcher in expected.parts.items()
            ),
            *((matcher, fields.get(title)) for title, matcher in expected.fields.items()),
            *((matcher, post.overrides.get(key)) for key, matcher in expected.overrides.items()),
            *([(expected.body, post.body)] if expected.body is not None else []),
        ]
        for matcher, value in seen:
            if matcher.snapshot:
                self.snapshots[matcher.snapshot] = _as_text(value).rstrip("\n") + "\n"


def pairs(fits: Sequence[Sequence[int]]) -> dict[int, int]:
    """The largest pairing of sends with what is expected, each with one that fits it and no other has, by number."""
    owner: dict[int, int] = {}

    def place(number: int, seen: set[int]) -> bool:
        for other in fits[number]:
            if other not in seen:
                seen.add(other)
                if other not in owner or place(owner[other], seen):
                    owner[other] = number
                    return True
        return False

    for number in range(len(fits)):
        place(number, set())
    return {number: other for other, number in owner.items()}


def show_send(sent: ToldSend) -> str:
    """A send in one line."""
    first = sent.post.text.splitlines()[0] if sent.post.text else sent.post.title
    at = f" at {_at(sent.at_us)}" if sent.at_us else ""
    shadow = " in shadow" if sent.shadow else ""
    return f'{sent.send.rule} to {sent.send.destination}{at}{shadow}: "{first}"'


def _could_be_meant(expected: Expected, sent: ToldSend) -> bool:
    return expected.rule in ("", sent.send.rule) and expected.to in ("", sent.send.destination)


def _name_expected(expected: Expected) -> str:
    to = f" to {expected.to}" if expected.to else ""
    at = f" at {_at(expected.at_us)}" if expected.at_us is not None else ""
    return f"a send of {expected.rule or 'any rule'}{to}{at}"


def _quiet_shown(quiet: KeptQuiet) -> str:
    judgement = quiet.judgement
    to = f" to {judgement.destination}" if judgement.destination else ""
    at = f" at {_at(quiet.at_us)}" if quiet.at_us else ""
    return f"{judgement.rule}{to} {judgement.outcome}{f' by {judgement.by}' if judgement.by else ''}{at}"


def _is_quiet_so(expected: ExpectedQuiet, quiet: KeptQuiet) -> bool:
    judgement = quiet.judgement
    return (
        expected.rule in ("", judgement.rule)
        and expected.to in ("", judgement.destination)
        and (not expected.by or judgement.by == expected.by or judgement.by.split(":", 1)[0] == expected.by)
        and expected.key in ("", judgement.key)
        and _is_at(expected.at_us, quiet.at_us)
    )


def _is_at(expected_us: int | None, at_us: int) -> bool:
    return expected_us is None or abs(expected_us - at_us) <= SLACK_US


def _equal(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return wanted.rstrip("\n") == value.rstrip("\n")
    return type(wanted) is type(value) and bool(wanted == value)


def _diff(name: str, wanted: Any, value: Any) -> list[str]:
    old, new = (_as_text(text).splitlines() for text in (wanted, value))
    lines = difflib.unified_diff(old, new, "expected", "was", lineterm="", n=2)
    return [f"  {name}:", *(f"    {line}" for line in lines)]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _at(us: int) -> str:
    return duration_text(us / 1_000_000)
