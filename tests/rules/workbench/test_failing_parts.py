"""A part of a post that fails makes its test fail, whatever part it is, unless the test expects it."""

from __future__ import annotations

import pytest

from rules.language.read import read_rules
from rules.workbench.run_cases import CaseResult, run_cases
from tests.fakes.rule_sets import TOPIC, a_world

PARTS = {
    "title": 'title: "{{ data.x.y }}"',
    "url": 'url: "{{ data.x.y }}"',
    "mention": 'mention: "{{ data.x.y }}"',
    "severity": 'severity: "{{ data.x.y }}"',
    "color": 'color: "{{ data.x.y }}"',
    "icon": 'icon: "{{ data.x.y }}"',
    "footer": 'footer: "{{ data.x.y }}"',
    "field Site": 'fields: {Site: "{{ data.x.y }}"}',
    "the title of field 1": 'fields: {"{{ data.x.y }}": Site}',
    "state": 'state: "{{ data.x.y }}"\n    key: k\n    dedupe: 5m',
    "channel": "",
}


def result(part: str, expect: str) -> CaseResult:
    send = 'send: {to: ops, channel: "{{ data.x.y }}"}' if part == "channel" else f"{PARTS[part]}\n    send: ops"
    rules = f"topic: {TOPIC}\nrules:\n  - name: one\n    text: fine\n    {send}\n"
    tests = f"tests:\n  - name: t\n    message: {{data: {{a: 1}}}}\n    expect: [{expect}]\n"
    rule_set = read_rules([("a.yaml", rules + tests)], a_world())
    return next(iter(run_cases(rule_set, rule_set.cases)))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("expect", ["{}", "{to: ops}", '{text: {contains: "fine"}}'])
def test_a_part_that_fails_fails_the_test(part: str, expect: str) -> None:
    (difference,) = result(part, expect).differences
    assert f"a template failed: {part}: " in difference
    assert "mend it, or expect it with fallback:" in difference


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_expected_to_fail_does_not(part: str) -> None:
    assert result(part, f'{{fallback: {{contains: "{part}"}}}}').differences == ()
