import pytest

from rules.language.read import rebuild
from rules.workbench.coverage import coverage
from rules.workbench.dry_run import Rehearsal
from rules.workbench.template_coverage import MarkedTemplates
from tests.fakes.rule_sets import START_US, a_message, a_rule_set, a_world, us

RULES = """
    rules:
      - name: first
        match: {$.status: [CRITICAL, WARNING], $.site: {like: "CDI-*"}}
        text: |
          {% if data.status == 'CRITICAL' %}
          page
          {% elif data.status == 'WARNING' %}
          look
          {% else %}
          what?
          {% endif %}
          {% for one in data.list | default([]) %}{{ one }}{% endfor %}
        send: ops
        stop: true
      - {name: hidden, match: {$.site: CDI-1}, send: ops}
      - {name: never, match: {$.site: NONE}, template: argo/status, send: ops}
"""


def covered(rules, *data, **changed):
    stream = [a_message(one, offset=n, publish_time_us=START_US + us(n)) for n, one in enumerate(data)]
    return coverage(a_rule_set(rules), a_world(), stream, **changed)


CDI = {"status": "CRITICAL", "site": "CDI-1"}


def test_rules_tell_how_often_they_acted():
    result = covered(RULES, CDI, CDI, {"status": "OK", "site": "X"})
    assert [(one.rule, one.acted, one.sends) for one in result.rules] == [
        ("first", 2, 2),
        ("hidden", 0, 0),
        ("never", 0, 0),
    ]
    assert (result.messages, result.unmatched) == (3, 1)


def test_a_rule_that_was_always_behind_a_stop_names_who_stopped():
    assert covered(RULES, CDI, CDI).rules[1].hidden_by == {"first": 2}


def test_conditions_that_never_held_are_marked():
    (line, other) = covered(RULES, {"status": "CRITICAL", "site": "X"}).rules[0].lines
    assert (line.held, other.held) == (True, False)
    assert other.text == "rules[0].match['$.site'] like \"CDI-*\""
    assert (other.place.file, other.place.line) == ("rules.d/test.yaml", 4)


def test_branches_of_templates_that_were_never_taken_are_marked():
    branches = covered(RULES, CDI).rules[0].branches
    assert [(one.place.line, one.kind, one.taken) for one in sorted(branches, key=lambda one: one.place.line)] == [
        (6, "if", True),
        (8, "if", False),
        (11, "else", False),
        (13, "for", False),
    ]
    taken = covered(RULES, CDI, {"status": "WARNING", "site": "CDI-2", "list": [1]}).rules[0].branches
    assert sum(one.taken for one in taken) == 3


def test_branches_of_template_files_have_the_place_of_the_file():
    (branch,) = covered(RULES).rules[2].branches
    assert branch.place.file.endswith("argo/status.md.j2")
    assert (branch.place.line, branch.kind, branch.taken) == (2, "if", False)


def test_watching_changes_no_text():
    rules = 'rules: [{name: r, text: "{% if data.a %}yes{% else %}no{% endif %}", send: ops}]'
    result = covered(rules, {"a": 1}, {"a": 0})
    assert [one.taken for one in result.rules[0].branches] == [True, True]


def test_messages_that_no_rule_wanted_are_shown_one_of_each_shape():
    result = covered(RULES, {"a": 1}, {"a": 2}, {"b": 1}, "text")
    assert result.unmatched == 4
    assert [(one.offset, one.text) for one in result.unwanted] == [(0, '{"a": 1}'), (2, '{"b": 1}'), (3, "text")]


def test_timers_count_for_their_rule():
    rules = "rules: [{name: r, group: {wait: 30s}, text: t, send: ops}]"
    assert covered(rules, {}, until_us=START_US + us(60)).rules[0].sends == 1


def test_progress_is_told():
    told = []
    covered(RULES, *[{}] * 1001, progress=told.append)
    assert told == [500, 1000, 1001]


def branches(text, *data):
    rules = f"rules:\n  - name: r\n    send: ops\n    text: {text}\n"
    return [(one.kind, one.taken) for one in covered(rules, *data).rules[0].branches]


def test_both_sides_of_a_choice_within_an_expression_are_branches():
    text = "\"{{ 'page' if data.a else 'look' }}\""
    assert branches(text, {"a": 1}) == [("if", True), ("else", False)]
    assert branches(text, {"a": 1}, {"a": 0}) == [("if", True), ("else", True)]


@pytest.mark.parametrize("data", [{"a": "*bold* @all", "b": 1}, {"a": 2}, {"a": 1, "b": 0}, {"b": [1]}])
def test_watching_changes_no_text_of_a_choice(data):
    rules = (
        """rules: [{name: r, send: ops, text: "{{ (data.a if data.b else '*x*') ~ ('!' if data.c is defined) }}"}]"""
    )
    plain = a_rule_set(rules)
    watched = rebuild(plain.sources, a_world(), MarkedTemplates)
    (one,), (other,) = (Rehearsal(each).take(a_message(data), START_US).decision.sends for each in (plain, watched))
    assert one.post == other.post


def test_branches_of_files_that_an_inline_text_includes_are_its_own():
    text = "\"{% include 'argo/status' %}\""
    assert branches(text, CDI) == [("if", False)]


def test_an_expression_that_never_held_is_marked():
    rules = "rules: [{name: r, match: {$.a: 1}, when: data.b > 5, send: ops, text: t}]"
    never = covered(rules, {"a": 1, "b": 2}, {"a": 2, "b": 9}).rules[0].lines
    assert [(line.text, line.held) for line in never] == [
        ("rules[0].match['$.a'] equals 1", True),
        ("rules[0].when", False),
    ]
    assert covered(rules, {"a": 1, "b": 9}).rules[0].lines[1].held


def test_a_rule_whose_expression_is_false_is_not_hidden():
    rules = """
        rules:
          - {name: first, send: ops, stop: true}
          - {name: second, when: data.b > 5, send: ops}
    """
    assert covered(rules, {"b": 1}).rules[1].hidden_by == {}
    assert covered(rules, {"b": 9}).rules[1].hidden_by == {"first": 1}


def test_a_rule_that_acted_at_last_is_not_hidden():
    assert covered(RULES, CDI, {"status": "OK", "site": "CDI-1"}).rules[1].hidden_by == {}


def test_a_negation_that_never_held_is_marked():
    rules = "rules: [{name: r, match: [{not: {$.a: 1}}], send: ops}]"
    assert [line.held for line in covered(rules, {"a": 1}).rules[0].lines] == [False, True]


def test_what_stopped_early_is_partial():
    seen = []

    def stopped():
        seen.append(None)
        return len(seen) > 2

    result = covered(RULES, CDI, CDI, CDI, CDI, stopped=stopped)
    assert (result.messages, result.partial) == (2, True)
