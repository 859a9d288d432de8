"""``inhibited_by: {match: ...}`` keeps only some events of a rule quiet; places may be the rule's own ``vars``."""

from __future__ import annotations

from typing import Any

import pytest

from rules.source.problems import ProblemsFound
from tests.fakes.rule_sets import Line, a_rule_set

RULES = """
rules:
  - name: critical
    match: {$.level: critical}
    resolved: {$.level: critical, $.over: true}
    set: {where: "{{ data.site | default('nowhere') }}"}
    key: "{{ data.id }}"
    send: mail
  - name: r
    match: {$.over: {exists: false}}
    resolved: {$.over: true}
    set: {where: "{{ data.site | default('nowhere') }}"}
    key: "{{ data.id }}"
    inhibited_by: {rule: critical, same: [vars.where], match: {$.level: warning}}
    send: ops
    text: "{{ data.id }}"
"""


def an_alert(line: Line, name: str, level: str, **changed: Any) -> list[str]:
    return [send.key for send in line.take({"id": name, "level": level, **changed}) if send.rule == "r"]


def test_events_it_does_not_name_are_told() -> None:
    line = Line(a_rule_set(RULES))
    assert an_alert(line, "c", "critical", site="A") == ["c"]
    assert an_alert(line, "w", "warning", site="A") == []
    assert line.outcomes[-1] == "suppressed inhibited:critical"
    assert an_alert(line, "i", "info", site="A") == ["i"]


def test_same_may_be_what_the_rules_set() -> None:
    line = Line(a_rule_set(RULES))
    an_alert(line, "c", "critical")
    assert an_alert(line, "w", "warning", site="A") == ["w"]
    assert an_alert(line, "v", "warning") == []


def test_what_the_rule_set_still_holds_it_back_when_a_timer_looks_again() -> None:
    line = Line(a_rule_set(RULES))
    an_alert(line, "c", "critical")
    an_alert(line, "w", "warning")
    assert line.wait(3600) == []
    line.take({"id": "c", "level": "critical", "over": True})
    late = [send for send in line.wait(1) if send.rule == "r"]
    assert [(send.key, send.phase) for send in late] == [("w", "firing")]
    assert line.balance() == 0


def test_a_reminder_joins_the_group_that_the_rule_set_named() -> None:
    rules = """
    rules:
      - name: r
        match: {$.over: {exists: false}}
        resolved: {$.over: true}
        set: {team: "{{ data.owner | upper }}"}
        key: "{{ data.id }}"
        group: {by: [vars.team], wait: 30s}
        repeat: 1h
        send: ops
        text: "{{ data.id }}"
    """
    line = Line(a_rule_set(rules))
    line.take({"id": "a", "owner": "ops"})
    line.wait(60)
    reminded = line.wait(3600)
    assert [(send.key, send.post.text.splitlines()[0]) for send in reminded] == [("OPS", "a")]


def test_a_mistake_in_it_is_named_with_its_place() -> None:
    with pytest.raises(ProblemsFound) as found:
        a_rule_set(RULES.replace("match: {$.level: warning}", "match: {$.level: {equalz: warning}}"))
    (problem,) = found.value.problems
    assert problem.path == "rules[1].inhibited_by.match['$.level'].equalz"
    assert 'did you mean "equals"?' in problem.text
