from __future__ import annotations

import pytest

from rules.conditions.conditions import ConditionTrace, compile_match
from rules.model import Event
from rules.source.places import read_yaml
from rules.source.problems import Problem
from tests.fakes.events import NOW_US, an_event


def explained(text: str, event: Event | None = None) -> list[ConditionTrace]:
    document = read_yaml(text, "a.yaml")
    problems: list[Problem] = []
    condition = compile_match(document.value, document, (), problems)
    assert problems == []
    return condition.explain(event or an_event(), NOW_US)


def test_explain_shows_each_line_with_what_it_saw():
    rows = explained(
        "$.status: {not: OK}\n$.alerts[*].status: firing\nany:\n  - $.nope: 1\n  - attributes.vo: [ops, dev]\n"
    )
    assert [(str(row.place), row.depth, row.look, row.expects, row.saw, row.held) for row in rows] == [
        ("a.yaml:1:1", 0, "$.status", 'exists and not (equals "OK")', '"CRITICAL"', True),
        ("a.yaml:2:1", 0, "$.alerts[*].status", 'equals "firing"', '"firing", "resolved"', True),
        ("a.yaml:3:1", 0, "any", "one of these", "", True),
        ("a.yaml:4:5", 1, "$.nope", "equals 1", "nothing", False),
        ("a.yaml:5:5", 1, "attributes.vo", 'is one of ["ops", "dev"]', '"ops"', True),
    ]
    assert not any(row.decisive for row in rows)


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("{$.status: CRITICAL, $.type: x, $.code: 1}", "$.type"),
        ("any: [$.status: OK, $.type: x]", "any"),
        ("any: [{$.status: CRITICAL, $.type: x}]", "$.type"),
        ("not: {$.status: CRITICAL}", "not"),
        ("[$.status: CRITICAL, all: [$.code: 5, $.count: 1]]", "$.count"),
        ("undecodable: true", "undecodable"),
    ],
)
def test_explain_marks_the_first_part_that_does_not_hold(text: str, look: str):
    assert [row.look for row in explained(text) if row.decisive] == [look]


def test_explain_of_an_undecodable_event_says_so():
    (row,) = explained("$.status: CRITICAL", an_event("x", undecodable="not JSON"))
    assert row.decisive
    assert "not JSON" in row.expects
    assert "undecodable: true" in row.expects


def test_explain_shows_few_of_many_values():
    (row,) = explained("$[*]: 7", an_event(list(range(100))))
    assert row.saw == "0, 1, 2, 3, 4 and 95 more"
