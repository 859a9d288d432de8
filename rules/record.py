"""record: golden tests from real traffic, one for each distinct path through the rules.

A path is what every rule made of a message: who acted, in which phase, to whom, and what kept it quiet. Each message is
decided by itself, on empty state, so that its test can be repeated; one that ends an incident is recorded together with
the message that opened it. Secrets and names are scrubbed, and what is expected is what the scrubbed message leads to.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from rules.decode import AUTO, Decoded, decode
from rules.match import match, views_of
from rules.model import Incoming
from rules.rehearsal import Moment, Rehearsal
from rules.ruleset import RuleSet
from rules.scrub import Scrubber
from rules.simulate import Progress
from rules.sources import from_bytes

MAX_OPENERS: Final = 10_000
"""How many messages that opened an incident are remembered, for the test of its end."""
PROGRESS_EVERY: Final = 500
SETTLE_US: Final = 3600 * 1_000_000
"""How long a test lets groups and throttles work."""
_NOT_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
Path: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The tests as the text of a ``*_test.yaml`` file, and how many messages led to how many of them."""

    text: str
    messages: int
    tests: int


def record(
    rule_set: RuleSet,
    stream: Iterable[Incoming],
    *,
    max_tests: int = 200,
    progress: Progress = lambda messages: None,
) -> RecordResult:
    """Go through the messages and write a test for each path that was not met before, up to ``max_tests``."""
    recorder = _Recorder(rule_set)
    messages = 0
    for incoming in stream:
        recorder.hear(incoming)
        messages += 1
        if messages % PROGRESS_EVERY == 0:
            progress(messages)
        if len(recorder.tests) >= max_tests:
            break
    progress(messages)
    head = f"# Recorded from {messages} messages; names and secrets are made up.\ntests:\n"
    text = head + "".join(recorder.tests) if recorder.tests else "tests: []\n"
    return RecordResult(text, messages, len(recorder.tests))


class _Recorder:
    """The paths met so far, and the tests written of them."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self.tests: list[str] = []
        self._paths: set[Path] = set()
        self._openers: OrderedDict[tuple[str, str], Incoming] = OrderedDict()
        sources = from_bytes(rule_set.sources)
        self._scrubber = Scrubber("\n".join(one.text for one in (*sources.files, *sources.templates)))

    def hear(self, incoming: Incoming) -> None:
        """Write a test if the message takes a path that no one before it took."""
        alone = self._play([incoming])
        openers = self._openers_of(incoming)
        messages = [*openers, incoming]
        path = _path(alone if not openers else self._play(messages))
        if path not in self._paths:
            self._paths.add(path)
            self._write(messages)
        for send in alone[0].decision.sends:
            if send.phase == "firing" and send.incident:
                self._openers[send.rule, send.incident] = incoming
                self._openers.move_to_end((send.rule, send.incident))
                if len(self._openers) > MAX_OPENERS:
                    self._openers.popitem(last=False)

    def _openers_of(self, incoming: Incoming) -> list[Incoming]:
        """The messages that opened what this one ends."""
        found = match(self.rule_set, incoming, incoming.publish_time_us).found
        keys = [(one.rule.name, one.key or "") for one in found if one.how == "resolved"]
        openers = [self._openers[key] for key in keys if key in self._openers]
        return list({(one.topic, one.offset): one for one in openers}.values())

    def _play(self, messages: Sequence[Incoming], said: Sequence[Decoded | None] = ()) -> list[Moment]:
        """What the messages lead to, all at the time of the first, and the timers of the hour after."""
        rehearsal = Rehearsal(self.rule_set)
        start_us = messages[0].publish_time_us
        decoded = said or [None] * len(messages)
        moments = [rehearsal.take(one, start_us, value) for one, value in zip(messages, decoded, strict=True)]
        return [*moments, *rehearsal.run_to(start_us + SETTLE_US)]

    def _write(self, messages: Sequence[Incoming]) -> None:
        scrubbed = [self._scrubbed(incoming) for incoming in messages]
        moments = self._play([one.incoming for one in scrubbed], [one.decoded for one in scrubbed])
        start_us = messages[0].publish_time_us
        sends = [one for moment in moments for one in _expected(moment, start_us)]
        quiet = [
            {"rule": one.rule, "to": one.destination, "by": one.by}
            for moment in moments
            for one in moment.decision.judgements
            if one.by and one.destination
        ]
        last_us = max((moment.at_us for moment in moments if moment.decision.sends), default=start_us)
        start = datetime.fromtimestamp(start_us / 1_000_000, UTC)
        said = [one.said for one in scrubbed]
        lines = [
            f"  - name: {_json(f'{len(self.tests) + 1}: {_summary(moments)}')}",
            f"    topic: {_json(messages[0].topic)}",
            f"    start: {_json(start.isoformat())}",
            f"    message: {_json(said[0])}" if len(said) == 1 else f"    messages: {_json(said)}",
            *([f"    until: {_offset(last_us - start_us)}"] if last_us > start_us else []),
            "    expect:" if sends else "    expect: []",
            *(f"      - {_json(one)}" for one in sends),
            *(["    quiet:"] if quiet else []),
            *(f"      - {_json(one)}" for one in quiet),
        ]
        self.tests.append("\n".join(lines) + "\n")

    def _scrubbed(self, incoming: Incoming) -> _Scrubbed:
        """The message with its telling words made up, in the form in which a test says it."""
        views = views_of(self.rule_set, incoming.topic)
        specs = {view.decode for view in views}
        decoded = decode(incoming.payload, next(iter(specs), AUTO))
        said: dict[str, Any] = {}
        value: Decoded | None = None
        payload = self._scrubber.text(decoded.text)
        if len(specs) <= 1 and decoded.undecodable is None:
            data = self._scrubber.value(decoded.value)
            payload = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            value = Decoded(data, payload)
            said["data"] = data
        else:
            said["payload"] = payload
        attributes = {name: str(self._scrubber.value(text, name)) for name, text in incoming.attributes.items()}
        if attributes:
            said["attributes"] = attributes
        said["offset"] = incoming.offset
        return _Scrubbed(replace(incoming, payload=payload, attributes=attributes), value, said)


@dataclass(frozen=True, slots=True)
class _Scrubbed:
    """A message ready to be written: to be decided, and as a test says it."""

    incoming: Incoming
    decoded: Decoded | None
    said: dict[str, Any]


def _path(moments: Iterable[Moment]) -> Path:
    """What every rule made of the messages: by rule, send, outcome, reason and phase."""
    told = [(one.rule, str(one.send), one.outcome, one.by) for moment in moments for one in moment.decision.judgements]
    phases = [(one.rule, str(one.send), one.phase, one.fallback) for moment in moments for one in moment.decision.sends]
    return (*told, *phases)


def _expected(moment: Moment, start_us: int) -> Iterator[dict[str, Any]]:
    """The sends of a moment as a test expects them, the parts of each together."""
    text = ""
    for send in moment.decision.sends:
        text += send.post.text
        if send.part < send.parts - 1:
            continue
        expected: dict[str, Any] = {"rule": send.rule, "to": send.destination}
        if moment.at_us > start_us:
            expected["at"] = _offset(moment.at_us - start_us)
        expected |= {"title": send.post.title} if send.post.title else {}
        expected |= {"severity": send.post.severity} if send.post.severity else {}
        expected["text"] = text
        expected |= {"body": {"equals": send.post.body}} if send.post.body is not None else {}
        yield expected
        text = ""


def _summary(moments: Iterable[Moment]) -> str:
    """A test's name: who told whom, in a few words."""
    words = [
        f"{one.rule} {one.outcome}"
        + (f" by {one.by}" if one.by else "")
        + (f" to {one.destination}" * bool(one.destination))
        for moment in moments
        for one in moment.decision.judgements
    ]
    return "; ".join(dict.fromkeys(words)) or "no rule wants it"


def _offset(us: int) -> str:
    return f"{us / 1_000_000:f}".rstrip("0").rstrip(".") + "s"


def _json(value: Any) -> str:
    """JSON that YAML reads as the same value."""
    return _NOT_YAML.sub(_escaped, json.dumps(value, ensure_ascii=False, default=str))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "?" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"
