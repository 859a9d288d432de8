"""The ``tests:`` of rule files: what they say.

A case is a message, or several at times of a virtual clock, and the sends they must lead to. ``data:`` is what the
rules see as the decoded payload, whatever the topic's ``decode``; ``text:`` and ``payload:`` go through it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rules.case import Case, CaseMessage, CaseTake, Expected, ExpectedQuiet, Matcher
from rules.conditions.regex import compile_regex
from rules.deciding.quiet.silences import compile_silences
from rules.events.decode import Decoded
from rules.events.moments import us_of
from rules.events.topic_filter import TopicFilter
from rules.language.form import Form, describe_value
from rules.language.other_languages import TEST_ADVICE
from rules.model import DestinationFacts, Incoming, Silence
from rules.source.bounds import moment_us
from rules.source.problems import DocumentPath, ProblemsFound
from rules.source.words import duration_s, suggest

START_US: Final = 1_767_614_400_000_000
"""When a case begins unless it says so: Monday 2026-01-05 12:00 UTC."""
DEFAULT_TOPIC: Final = "projects/TEST/topics/test"
CASE_KEYS: Final = (
    "name", "about", "topic", "start", "message", "messages", "until", "silences", "taken", "expect", "quiet",
)  # fmt: skip
MESSAGE_KEYS: Final = ("data", "text", "payload", "attributes", "topic", "at", "offset")
TEXT_PARTS: Final = ("text", "title", "url", "severity", "color", "icon", "footer", "mention", "key", "phase")
MATCHER_KEYS: Final = ("equals", "contains", "lacks", "regex", "snapshot")
EXPECT_KEYS: Final = ("rule", "to", "at", "shadow", *TEXT_PARTS, "fields", "body", "fallback")
QUIET_KEYS: Final = ("rule", "to", "by", "key", "at")


@dataclass(frozen=True, slots=True)
class CaseReader:
    """Reads cases; ``rules`` are the names that exist."""

    rules: Iterable[str]
    destinations: Mapping[str, DestinationFacts]

    def read(self, form: Form, file_topics: TopicFilter) -> Case:
        """One case, with every problem of it."""
        form.allow_only(CASE_KEYS, elsewhere=lambda key: TEST_ADVICE.get(key, ""))
        form.require("name")
        topic = form.text("topic") or sample_topic(file_topics)
        start_us = form.read("start", _time_us, START_US)
        messages = tuple(self._messages(form, topic, start_us))
        if "expect" not in form and "quiet" not in form:
            form.report((), "the test needs expect: with the sends it must lead to; [] if there must be none")
        expect = (
            tuple(self._read_expected(inner) for inner in form.forms("expect", "expect")) if "expect" in form else None
        )
        quiet = tuple(self._read_expected_quiet(inner) for inner in form.forms("quiet", "quiet"))
        takes = tuple(self._read_take(inner) for inner in form.forms("taken", "taken"))
        return Case(
            name=form.text("name"),
            place=form.document.place_of(form.path),
            start_us=start_us,
            messages=messages,
            until_us=_until_us(form, messages, [*(expect or ()), *quiet, *takes]),
            silences=self._silences(form, start_us),
            expect=expect,
            quiet=quiet,
            takes=takes,
        )

    def _messages(self, form: Form, topic: str, start_us: int) -> Iterable[CaseMessage]:
        if "message" in form and "messages" in form:
            form.report(("messages",), "message is for one, messages for several; keep one of them", at_key=True)
        elif not {"message", "messages", "silences", "until"} & form.value.keys():
            form.report((), "the test needs message: or messages:")
        forms = [form.form(("message",), "message")] if "message" in form else form.forms("messages", "message")
        for n, inner in enumerate(forms):
            yield _message(inner, n, topic, start_us)

    def _silences(self, form: Form, start_us: int) -> tuple[Silence, ...]:
        silences: list[Silence] = []
        for n, inner in enumerate(form.forms("silences", "silence")):
            inner.allow_only(("matchers", "from", "until"))
            if not inner.require("matchers"):
                continue
            silences.append(
                Silence(
                    id=str(n + 1),
                    matchers=inner.value["matchers"],
                    starts_us=start_us + inner.read("from", _offset_us, 0),
                    until_us=start_us + inner.read("until", _offset_us, 365 * 86_400_000_000),
                    who="test",
                    why="test",
                )
            )
        try:
            compile_silences(silences)
        except ProblemsFound as error:
            for problem in error.problems:
                form.report(("silences",), f"{problem.path}: {problem.text}")
            return ()
        return tuple(silences)

    def _read_expected(self, form: Form) -> Expected:
        parts = {part: self._matcher(form, (part,)) for part in TEXT_PARTS if part in form}
        others = [key for key in form.value if key not in EXPECT_KEYS]
        rule, to = self._read_known(form, "rule", self.rules), self._read_known(form, "to", self.destinations)
        may = [self.destinations[to]] if to in self.destinations else self.destinations.values()
        form.allow_only((*EXPECT_KEYS, *sorted({key for facts in may for key in facts.overrides})))
        return Expected(
            place=form.document.place_of(form.path),
            rule=rule,
            to=to,
            at_us=form.read("at", _offset_us, None),
            shadow=form.flag("shadow") if "shadow" in form else None,
            parts=parts,
            fields={
                title: self._matcher(form, ("fields", title))
                for title in (form.form(("fields",), "fields").value if "fields" in form else ())
            },
            overrides={key: self._matcher(form, (key,)) for key in others},
            body=self._matcher(form, ("body",)) if "body" in form else None,
            fallback=self._matcher(form, ("fallback",)) if "fallback" in form else None,
        )

    def _read_expected_quiet(self, form: Form) -> ExpectedQuiet:
        form.allow_only(QUIET_KEYS)
        return ExpectedQuiet(
            place=form.document.place_of(form.path),
            rule=self._read_known(form, "rule", self.rules),
            to=self._read_known(form, "to", self.destinations),
            by=form.text("by"),
            key=form.text("key"),
            at_us=form.read("at", _offset_us, None),
        )

    def _read_take(self, form: Form) -> CaseTake:
        form.allow_only(("key", "rule", "at"))
        form.require("key")
        return CaseTake(
            place=form.document.place_of(form.path),
            at_us=form.read("at", _offset_us, 0),
            key=form.text("key"),
            rule=self._read_known(form, "rule", self.rules),
        )

    def _read_known(self, form: Form, key: str, known: Iterable[str]) -> str:
        text = form.text(key)
        known = sorted(known)
        if text and text not in known:
            form.report((key,), f'no {"rule" if key == "rule" else "destination"} "{text}"{suggest(text, known)}')
        return text

    def _matcher(self, form: Form, inner: DocumentPath) -> Matcher:
        value = form.value
        for step in inner:
            value = value[step]
        if not isinstance(value, dict) or not value or (inner == ("body",) and not set(value) <= set(MATCHER_KEYS)):
            return Matcher(equals=value, wants_equal=True)
        matcher = form.form(inner, "the expectation")
        matcher.allow_only(MATCHER_KEYS)
        regexes = tuple(text for _, text in matcher.texts("regex"))
        for regex in regexes:
            try:
                compile_regex(regex)
            except ValueError as error:
                matcher.report(("regex",), str(error))
        return Matcher(
            equals=value.get("equals"),
            wants_equal="equals" in value,
            contains=tuple(text for _, text in matcher.texts("contains")),
            lacks=tuple(text for _, text in matcher.texts("lacks")),
            regex=regexes,
            snapshot=matcher.text("snapshot"),
        )


def _until_us(
    form: Form, messages: Iterable[CaseMessage], expected: Iterable[Expected | ExpectedQuiet | CaseTake]
) -> int:
    """How long the case runs: to its last message and whatever it expects, or as long as it says."""
    last_us = max((message.at_us for message in messages), default=0)
    wanted_us = max((expectation.at_us for expectation in expected if expectation.at_us is not None), default=0)
    until_us = form.read("until", _offset_us, max(last_us, wanted_us))
    if until_us < wanted_us:
        form.report(("until",), "the test ends before something that it expects; leave until: out, or say a later time")
    return max(until_us, last_us)


def sample_topic(topics: TopicFilter) -> str:
    """A topic that a file's rules hear: its first plain one, or one that fits its first glob."""
    for pattern in topics.patterns:
        if not set(pattern) & set("*?["):
            return pattern
    for pattern in topics.patterns:
        candidate = pattern.replace("*", "x").replace("?", "x")
        if candidate.count("/") == 3 and TopicFilter((pattern,)).covers(candidate):
            return candidate
    return DEFAULT_TOPIC


def _as_data(form: Form) -> Callable[[str], str]:
    """What to say of keys of a message that are those of its payload."""
    if any(key in form for key in ("data", "text", "payload")):
        return lambda key: ""
    return lambda key: "" if suggest(key, MESSAGE_KEYS) else f"what the rules see stands under data: {{{key}: ...}}"


def _message(form: Form, number: int, topic: str, start_us: int) -> CaseMessage:
    form.allow_only(MESSAGE_KEYS, elsewhere=_as_data(form))
    texts = [key for key in ("data", "text", "payload") if key in form]
    if len(texts) != 1 and form.is_mapping and (texts or set(form.value) <= set(MESSAGE_KEYS)):
        form.report((), "the message needs one of data: (what the rules see), text: or payload: (as it was published)")
    decoded: Decoded | None = None
    payload = form.text("payload") or form.text("text")
    if texts == ["data"]:
        data = form.value["data"]
        payload = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        decoded = Decoded(data, payload)
    at_us = form.read("at", _offset_us, 0)
    attributes = form.value.get("attributes") or {}
    if not isinstance(attributes, dict):
        form.report(("attributes",), f"attributes must be a mapping, not {describe_value(attributes)}")
        attributes = {}
    for name, value in attributes.items():
        if not isinstance(value, str):
            form.report(("attributes", name), f"attributes are texts; put {describe_value(value)} in quotes")
    incoming = Incoming(
        topic=form.text("topic", topic),
        offset=form.count("offset", number, least=0),
        publish_time_us=start_us + at_us,
        payload=payload,
        attributes={str(name): str(value) for name, value in attributes.items()},
        origin=f"test/{number}",
    )
    if incoming.topic.count("/") != 3:
        form.report(("topic",), f'"{incoming.topic}" is no topic; write its full name, projects/P/topics/T')
        incoming = Incoming(
            DEFAULT_TOPIC, number, incoming.publish_time_us, payload, incoming.attributes, incoming.origin
        )
    return CaseMessage(at_us, incoming, decoded)


def _offset_us(value: object) -> int:
    return round(duration_s(value) * 1_000_000)


def _time_us(value: object) -> int:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{describe_value(value)} is no time; write it as 2026-01-05T12:00:00Z")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment_us(us_of(moment), describe_value(value))
