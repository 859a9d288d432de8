from rules.coverage import coverage
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
    assert [(one.offset, one.payload) for one in result.unwanted] == [(0, '{"a": 1}'), (2, '{"b": 1}'), (3, "text")]


def test_timers_count_for_their_rule():
    rules = "rules: [{name: r, group: {wait: 30s}, text: t, send: ops}]"
    assert covered(rules, {}, until_us=START_US + us(60)).rules[0].sends == 1


def test_progress_is_told():
    told = []
    covered(RULES, *[{}] * 1001, progress=told.append)
    assert told == [500, 1000, 1001]
