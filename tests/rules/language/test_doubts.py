"""What loads, but can hardly be meant: constants of another type than their place, severities nobody knows."""

from __future__ import annotations

import pytest

from tests.fakes.rule_sets import a_rule


def doubts(text: str) -> list[str]:
    return [problem.text for problem in a_rule(text).warnings]


@pytest.mark.parametrize(
    ("match", "words"),
    [
        (
            "attributes.vo: 1",
            "attributes.vo is a text, and values are compared with their type",
        ),
        ("attributes.ready: [true, null]", 'write it in quotes: "null"'),
        ("text: {equals: 5}", 'text is a text, and values are compared with their type; write it in quotes: "5"'),
        ("message.id: 7", 'message.id is a text, and values are compared with their type; write it in quotes: "7"'),
        ('message.offset: "7"', "message.offset is a number; write it without quotes"),
        (
            "message.topic: projects/P/topics/alarms",
            "message.topic is the short name, without projects/ and topics/",
        ),
        ("message.project: [projects/ARGO]", "message.project is the short name, without projects/ and topics/"),
    ],
)
def test_a_constant_that_can_never_stand_at_its_place_is_a_warning(match: str, words: str):
    (doubt,) = doubts(f"match: {{{match}}}")
    assert doubt.startswith("this never holds: ")
    assert words in doubt


@pytest.mark.parametrize(
    "match",
    [
        "attributes.vo: ops",
        "attributes.n: [1, one]",
        "attributes.n: {gt: 5}",
        "attributes.n: {not: 5}",
        "message.offset: 7",
        "message.topic: alarms",
        "text: x",
    ],
)
def test_a_constant_that_may_stand_at_its_place_is_none(match: str):
    assert doubts(f"match: {{{match}}}") == []


def test_what_set_makes_is_text():
    (doubt,) = doubts('set: {n: "{{ data.n }}"}\nmatch: {vars.n: 5}')
    assert "vars.n is a text" in doubt


def test_a_severity_that_no_destination_knows_is_a_warning():
    (doubt,) = doubts("severity: critcal")
    words = 'did you mean "critical"? there are: critical, error, warning, info, ok'
    assert doubt == f'no destination knows the severity "critcal"; {words}'
    assert doubts("severity: Critical") == doubts('severity: "{{ data.level }}"') == []


def test_a_body_without_templates_that_is_no_json_is_a_warning():
    (doubt,) = doubts('send: hook\nbody: "{status: CRITICAL}"')
    assert doubt == "the body is no JSON and will be left out; write a mapping, or a template that gives JSON"
    assert doubts("send: hook\nbody: '[1]'") == doubts('send: hook\nbody: "{{ data | to_json }}"') == []


def test_parent_without_for_each_is_a_warning():
    (doubt,) = doubts("match: {parent.receiver: ops}")
    assert doubt == "parent.receiver is there with for_each only; without it the whole payload is $: write $.receiver"
    assert doubts("for_each: $.alerts[*]\nmatch: {parent.receiver: ops}") == []
