"""A recorded test as a rule file says it, and the trial that shows that it passes there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rules.events.topic_filter import TopicFilter
from rules.language.cases import CaseReader
from rules.language.form import Form
from rules.ruleset import RuleSet
from rules.source.places import read_yaml
from rules.source.problems import Problem
from rules.workbench.run_cases import run_case

_NOT_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """What a test says: messages in the form of a rule file, and what must come of them until ``until_us``."""

    name: str
    topic: str
    start_us: int
    messages: Sequence[dict[str, Any]]
    until_us: int
    expect: Sequence[dict[str, Any]]
    quiet: Sequence[dict[str, Any]]


def as_yaml(test: RecordedTest) -> str:
    """The test as an entry of ``tests:``; what the whole test says of topics, its messages do not say again."""
    start = datetime.fromtimestamp(test.start_us / 1_000_000, UTC)
    messages = [
        {key: message[key] for key in message if key != "topic" or message[key] != test.topic}
        for message in test.messages
    ]
    lines = [
        f"  - name: {json_in_yaml(test.name)}",
        f"    topic: {json_in_yaml(test.topic)}",
        f"    start: {json_in_yaml(start.isoformat())}",
        f"    message: {json_in_yaml(messages[0])}" if len(messages) == 1 else "    messages:",
        *(f"      - {json_in_yaml(message)}" for message in messages if len(messages) > 1),
        *([f"    until: {seconds(test.until_us)}"] if test.until_us else []),
        "    expect:" if test.expect else "    expect: []",
        *(f"      - {json_in_yaml(expectation)}" for expectation in test.expect),
        *(["    quiet:"] if test.quiet else []),
        *(f"      - {json_in_yaml(expectation)}" for expectation in test.quiet),
    ]
    return "\n".join(lines) + "\n"


def try_test(rule_set: RuleSet, text: str) -> str:
    """Why a test, as it stands in a file, does not pass with these rules; "" when it does."""
    document = read_yaml(f"tests:\n{text}", "recorded")
    problems: list[Problem] = list(document.problems)
    (form,) = Form(document, (), problems, what="a rule file").forms("tests", "a test")
    case = CaseReader(rule_set.by_name, rule_set.destinations).read(form, TopicFilter(()))
    if problems:
        return problems[0].text
    return next(iter(run_case(rule_set, case).differences), "")


def seconds(us: int) -> str:
    """A time since the start as a test says it."""
    return f"{us / 1_000_000:f}".rstrip("0").rstrip(".") + "s"


def json_in_yaml(value: Any) -> str:
    """JSON that YAML reads as the same value."""
    return _NOT_YAML.sub(_escape, json.dumps(value, ensure_ascii=False, default=str))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "?" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"
