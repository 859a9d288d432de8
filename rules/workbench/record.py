"""record: golden tests from real traffic, one for each distinct path through the rules.

A path is what every rule made of a message: who acted, in which phase, to whom, and what kept it quiet. Each message is
decided by itself, on empty state, so that its test can be repeated; one that ends an incident is recorded together with
the message that opened it. Secrets and names are scrubbed, and what is expected is what the scrubbed message leads to.
Every test is run before it is kept: what is written passes.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, TypeAlias

from rules.deciding.match import match, views_of
from rules.events.decode import AUTO, Decoded, decode
from rules.language.sources import sources_from_bytes
from rules.model import Incoming, Send
from rules.ruleset import RuleSet
from rules.workbench.dry_run import DryRunStep, Rehearsal
from rules.workbench.recorded import RecordedTest, as_yaml, seconds, try_test
from rules.workbench.scrub import Scrubber
from rules.workbench.simulate import Progress

MAX_OPENERS: Final = 10_000
"""How many messages that opened an incident are remembered, for the test of its end."""
PROGRESS_EVERY: Final = 500
SETTLE_US: Final = 3600 * 1_000_000
"""How long a test lets groups and throttles work."""
DecisionPath: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The tests as the text of a ``*_test.yaml`` file, and how many messages led to how many of them.

    ``left_out`` are paths that no test could repeat (a random choice in a template, an Avro value that JSON cannot
    say); ``otherwise`` are tests whose scrubbed message takes another path than the real one did, because a rule looks
    at a name that was made up. ``partial`` when the run was stopped before the end.
    """

    text: str
    messages: int
    tests: int
    left_out: int = 0
    otherwise: int = 0
    partial: bool = False


def record(
    rule_set: RuleSet,
    stream: Iterable[Incoming],
    *,
    max_tests: int = 200,
    progress: Progress = lambda messages: None,
    stopped: Callable[[], bool] = lambda: False,
) -> RecordResult:
    """Go through the messages and write a test for each path that was not met before, up to ``max_tests``.

    When ``stopped`` says so, the result is that of the messages so far, and ``partial``.
    """
    recorder = _Recorder(rule_set)
    messages, partial = 0, False
    for incoming in stream:
        partial = stopped()
        if partial:
            break
        recorder.hear(incoming)
        messages += 1
        if messages % PROGRESS_EVERY == 0:
            progress(messages)
        if len(recorder.tests) >= max_tests:
            break
    progress(messages)
    recorder.write_again()
    head = f"# Recorded from {messages} messages; names and secrets are made up.\ntests:\n"
    text = head + "".join(recorder.tests) if recorder.tests else "tests: []\n"
    return RecordResult(text, messages, len(recorder.tests), recorder.left_out, recorder.otherwise, partial)


class _Recorder:
    """The paths met so far, and the tests written of them."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self.tests: list[str] = []
        self.left_out = 0
        self.otherwise = 0
        self._paths: set[DecisionPath] = set()
        self._written: set[DecisionPath] = set()
        self._kept: list[tuple[list[Incoming], DecisionPath]] = []
        self._openers: OrderedDict[tuple[str, str], Incoming] = OrderedDict()
        sources = sources_from_bytes(rule_set.sources)
        self._scrubber = Scrubber("\n".join(source_file.text for source_file in (*sources.files, *sources.templates)))

    def hear(self, incoming: Incoming) -> None:
        """Write a test if the message takes a path that no one before it took."""
        alone = self._play([incoming])
        openers = self._openers_of(incoming)
        messages = [*openers, incoming]
        path = _path(alone if not openers else self._play(messages))
        if path not in self._paths:
            self._paths.add(path)
            self._kept.append((messages, path))
            self._write(messages, path)
        for send in alone[0].decision.sends:
            if send.phase == "firing" and send.incident:
                self._openers[send.rule, send.incident] = incoming
                self._openers.move_to_end((send.rule, send.incident))
                if len(self._openers) > MAX_OPENERS:
                    self._openers.popitem(last=False)

    def write_again(self) -> None:
        """Write every test once more: a name that only a later message gave away is made up in the earlier ones too."""
        self.tests.clear()
        self._written.clear()
        self.left_out = self.otherwise = 0
        for messages, path in self._kept:
            self._write(messages, path)

    def _openers_of(self, incoming: Incoming) -> list[Incoming]:
        """The messages that opened what this one ends."""
        matches = match(self.rule_set, incoming, incoming.publish_time_us).found
        keys = [(candidate.rule.name, candidate.key or "") for candidate in matches if candidate.how == "resolved"]
        openers = [self._openers[key] for key in keys if key in self._openers]
        return list({(opener.topic, opener.offset): opener for opener in openers}.values())

    def _play(self, messages: Sequence[Incoming], decodeds: Sequence[Decoded | None] = ()) -> list[DryRunStep]:
        """What the messages lead to, all at the time of the first, and the timers of the hour after."""
        rehearsal = Rehearsal(self.rule_set)
        start_us = messages[0].publish_time_us
        decoded = decodeds or [None] * len(messages)
        moments = [
            rehearsal.take(replace(message, publish_time_us=start_us), start_us, value)
            for message, value in zip(messages, decoded, strict=True)
        ]
        return [*moments, *rehearsal.run_to(start_us + SETTLE_US)]

    def _write(self, messages: Sequence[Incoming], path: DecisionPath) -> None:
        """Keep the test of a path, if it passes; and tell of those that are not what they should be."""
        forms = (
            [self._as_data(message) for message in messages],
            [self._as_published(message) for message in messages],
        )
        plays = [
            (form, self._play([message.incoming for message in form], [message.decoded for message in form]))
            for form in forms
        ]
        scrubbed, moments = next((play for play in plays if _path(play[1]) == path), plays[0])
        taken = _path(moments)
        if taken != path and taken in self._written:
            self.left_out += 1
            return
        start_us = messages[0].publish_time_us
        last_us = max((moment.at_us for moment in moments if _posts(moment)), default=start_us)
        test = RecordedTest(
            name=f"{len(self.tests) + 1}: {_summary(moments)}",
            topic=messages[0].topic,
            start_us=start_us,
            messages=[message.said for message in scrubbed],
            until_us=last_us - start_us,
            expect=[post for moment in moments for post in _expected_posts(moment, start_us)],
            quiet=[
                {"rule": judgement.rule, "to": judgement.destination, "by": judgement.by}
                for moment in moments
                for judgement in moment.decision.judgements
                if judgement.by and judgement.destination
            ],
        )
        text = as_yaml(test)
        if try_test(self.rule_set, text):
            self.left_out += 1
            return
        self.otherwise += taken != path
        self._written.add(taken)
        self.tests.append(text)

    def _as_data(self, incoming: Incoming) -> _Scrubbed:
        """The message as rules see it, its telling words made up; as it was published where that is not one thing."""
        specs = {view.decode for view in views_of(self.rule_set, incoming.topic)}
        decoded = decode(incoming.payload, next(iter(specs), AUTO))
        if len(specs) > 1 or decoded.undecodable is not None:
            return self._as_published(incoming)
        data = self._scrubber.value(decoded.value)
        payload = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
        return self._scrub(incoming, payload, Decoded(data, payload), {"data": data})

    def _as_published(self, incoming: Incoming) -> _Scrubbed:
        """The message as it was published, for rules that look at its very text."""
        payload = self._scrubber.text(incoming.payload)
        return self._scrub(incoming, payload, None, {"payload": payload})

    def _scrub(self, incoming: Incoming, payload: str, decoded: Decoded | None, values: dict[str, Any]) -> _Scrubbed:
        attributes = {name: str(self._scrubber.value(text, name)) for name, text in incoming.attributes.items()}
        values |= {"attributes": attributes} if attributes else {}
        values |= {"topic": incoming.topic, "offset": incoming.offset}
        return _Scrubbed(replace(incoming, payload=payload, attributes=attributes), decoded, values)


@dataclass(frozen=True, slots=True)
class _Scrubbed:
    """A message ready to be written: to be decided, and as a test says it."""

    incoming: Incoming
    decoded: Decoded | None
    said: dict[str, Any]


def _posts(moment: DryRunStep) -> Iterator[Send]:
    """What a test may expect of a moment: posts, those in shadow too."""
    return chain(moment.decision.sends, moment.decision.shadows)


def _path(moments: Iterable[DryRunStep]) -> DecisionPath:
    """What every rule made of the messages: by rule, send, outcome, reason and phase."""
    moments = list(moments)
    lines = [
        (judgement.rule, str(judgement.send), judgement.outcome, judgement.by)
        for moment in moments
        for judgement in moment.decision.judgements
    ]
    phases = [
        (post.rule, str(post.send), post.phase, post.fallback.partition(":")[0])
        for moment in moments
        for post in _posts(moment)
        if post.part == post.parts - 1
    ]
    return (*lines, *phases)


def _expected_posts(moment: DryRunStep, start_us: int) -> Iterator[dict[str, Any]]:
    """The posts of a moment as a test expects them, the parts of each together."""
    text = ""
    for send in _posts(moment):
        text += send.post.text
        if send.part < send.parts - 1:
            continue
        expected: dict[str, Any] = {"rule": send.rule, "to": send.destination}
        if moment.at_us > start_us:
            expected["at"] = seconds(moment.at_us - start_us)
        expected |= {"phase": send.phase} if send.phase != "message" else {}
        expected |= {"title": send.post.title} if send.post.title else {}
        expected |= {"severity": send.post.severity} if send.post.severity else {}
        expected["text"] = text
        expected |= {"body": {"equals": send.post.body}} if send.post.body is not None else {}
        yield expected
        text = ""


def _summary(moments: Iterable[DryRunStep]) -> str:
    """A test's name: who told whom, in a few words."""
    words = [
        f"{judgement.rule} {judgement.outcome}"
        + (f" by {judgement.by}" if judgement.by and judgement.outcome != "dropped" else "")
        + (f" to {judgement.destination}" * bool(judgement.destination))
        for moment in moments
        for judgement in moment.decision.judgements
    ]
    return "; ".join(dict.fromkeys(words)) or "no rule wants it"
