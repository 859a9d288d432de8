"""``schedule:``: reports by the clock; docs/specification/scheduling.md."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.deciding.batch_state import ABSENT
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.deciding.quiet.restamp import restamp
from rules.deciding.quiet.rows import ScheduleRow, row_from_bytes
from rules.deciding.scheduled import begin_schedule, schedule_names
from rules.source.problems import ProblemsFound
from rules.workbench.explain import explain
from rules.workbench.run_cases import run_cases
from tests.fakes.rule_sets import START_US, TOPIC, Line, a_message, a_rule, a_rule_set, a_silence, a_world, us

HOSTS = """
  - name: hosts
    match: {$.status: DOWN}
    resolved: {$.status: UP}
    key: "{{ data.host }}"
    text: "{{ phase }} {{ key }}"
    send: mail
"""
REPORT = """
  - name: r
    schedule: daily at 13:00
    text: "{{ data.open_count }} open, {{ data.fired }} told, {{ data.ended }} over; {{ data.top | map(attribute='key') | join(' ') }}"
    send: ops
"""  # noqa: E501
HOUR = 3600


def a_line(report: str = REPORT, world=None) -> Line:
    return Line(a_rule_set(f"rules:{HOSTS}{report}", world))


def goes(line: Line, host: str, status: str = "DOWN", **when):
    return line.take({"host": host, "status": status}, **when)


def texts(line: Line) -> list[str]:
    return [send.post.text for send in line.sends if send.phase == "report"]


def goes_down(line: Line, seconds: float) -> None:
    """The bridge is down: what was due is fired afterwards, once its rules are begun anew."""
    line.now_us += us(seconds)
    for rule in line.rehearsal.rule_set.rules:
        for name in schedule_names(rule)[:1]:
            value = line.rehearsal.state.read([name], line.now_us)[name].value
            line.rehearsal.state.commit([begin_schedule(rule, name, value, TOPIC, line.now_us)])
    overdue = [row for row in line.rehearsal.state.rows() if row.due_us is not None and row.due_us < line.now_us]
    line.rehearsal.state.commit([replace(row, due_us=line.now_us) for row in overdue])
    line.wait(0)


def row_of(line: Line) -> ScheduleRow:
    row = next(row for row in line.rehearsal.state.rows() if row.key == "s/r")
    return row_from_bytes(row.key, row.value)


def test_a_report_tells_what_is_open_and_what_was_told_since():
    line = a_line()
    goes(line, "a")
    goes(line, "b", after_s=60)
    goes(line, "b", "UP", after_s=60)
    goes(line, "b", after_s=60)
    goes(line, "b", "UP", after_s=60)
    line.wait(HOUR)
    assert texts(line) == ["1 open, 3 told, 2 over; b a"]
    line.wait(24 * HOUR)
    assert texts(line)[1:] == ["1 open, 0 told, 0 over; "]
    assert line.balance() == 0


def test_times_to_take_and_to_end_are_means_of_alerts():
    line = a_line(REPORT.replace("{{ data.open_count }} open", "{{ data.mean_end_s }} {{ data.mean_take_s }}"))
    goes(line, "a")
    goes(line, "b")
    line.rehearsal.note_taken("hosts", "a", line.now_us + us(120))
    goes(line, "a", "UP", after_s=600)
    goes(line, "b", "UP", after_s=600)
    line.wait(HOUR)
    assert texts(line)[0].startswith("900.0 120.0,")


def test_without_a_text_it_tells_in_a_headline_and_a_table():
    line = a_line("  - {name: r, schedule: daily at 13:00, send: ops}\n")
    goes(line, "web1")
    goes(line, "web2")
    goes(line, "web2", "UP", after_s=600)
    line.wait(HOUR)
    (text,) = texts(line)
    assert text.splitlines() == [
        "**r**: 1 open, 2 told and 1 over since 2026-01-05 12:00 UTC",
        "",
        "| Open | Rule | For | Taken by |",
        "|---|---|---|---|",
        "| web1 | hosts | 1 h | nobody |",
        "",
        "Most often: web1 (1), web2 (1)",
        "",
        "Over after 10 min on average.",
    ]


def test_a_report_is_about_the_rules_and_the_time_it_names():
    line = a_line(REPORT.replace("daily at 13:00", '{at: "13:00", over: 30m, rules: [hosts]}'))
    goes(line, "a")
    goes(line, "b", after_s=45 * 60)
    line.wait(HOUR)
    assert texts(line) == ["2 open, 1 told, 0 over; b"]
    other = a_line(REPORT.replace("daily at 13:00", '{at: "13:00", rules: [r]}'))
    goes(other, "a")
    other.wait(HOUR)
    assert texts(other) == ["0 open, 0 told, 0 over; "]


def test_it_hears_no_messages_and_explain_says_so():
    rule_set = a_rule("schedule: daily at 13:00\ntext: x")
    message = a_message()
    state = dict.fromkeys(match(rule_set, message, START_US).needs, ABSENT)
    (explained,) = explain(rule_set, message, state, DecideContext(START_US)).rules
    assert (explained.fate, explained.reason) == ("no match", "it hears no messages: it reports by its schedule:")
    assert Line(rule_set).take() == []


def test_what_was_missed_is_told_once_late_and_about_all_of_it():
    line = a_line()
    goes(line, "a")
    goes_down(line, 3 * 24 * HOUR + 2 * HOUR)
    assert texts(line) == [
        "1 open, 1 told, 0 over; a\n_Due 2026-01-08 13:00 UTC; told late because nobody was there to tell it._"
    ]
    line.wait(22 * HOUR)
    assert len(texts(line)) == 1
    line.wait(2 * HOUR)
    assert len(texts(line)) == 2


def test_a_little_late_is_no_miss():
    line = a_line()
    goes_down(line, HOUR + 300)
    assert texts(line) == ["0 open, 0 told, 0 over; "]


def test_missed_skip_leaves_it_out_and_the_next_is_about_that_time_too():
    line = a_line(REPORT.replace("daily at 13:00", '{at: "13:00", missed: skip}'))
    goes(line, "a")
    goes_down(line, 2 * HOUR)
    assert (texts(line), line.outcomes[-1]) == ([], "suppressed missed")
    line.wait(24 * HOUR)
    assert texts(line) == ["1 open, 1 told, 0 over; a"]
    assert line.balance() == 0


def test_an_edited_schedule_is_planned_anew_and_goes_on_about_the_same_time():
    line = a_line()
    goes(line, "a")
    line.reload(a_rule_set(f"rules:{HOSTS}{REPORT.replace('13:00', '15:00')}"))
    line.wait(2 * HOUR)
    assert texts(line) == []
    line.wait(HOUR)
    assert texts(line) == ["1 open, 1 told, 0 over; a"]


def test_a_renamed_rule_goes_on():
    line = a_line()
    goes(line, "a")
    line.reload(a_rule_set(f"rules:{HOSTS}{REPORT.replace('name: r', 'name: other' + chr(10) + '    was: [r]')}"))
    line.wait(HOUR)
    assert texts(line) == ["1 open, 1 told, 0 over; a"]
    assert [row.key for row in line.rehearsal.state.rows() if row.key.startswith("s/")] == ["s/other"]


def test_a_rule_that_is_taken_out_tells_nothing_more():
    line = a_line()
    line.reload(a_rule_set(f"rules:{HOSTS}"))
    line.wait(30 * HOUR)
    assert (texts(line), [row.key for row in line.rehearsal.state.rows() if row.key.startswith("s/")]) == ([], [])


def test_a_silence_and_hours_keep_a_report_quiet():
    line = a_line()
    line.silence(a_silence({"rule": "r"}, until_s=2 * HOUR))
    line.wait(HOUR)
    assert line.outcomes == ["suppressed silence:s1"]
    late = a_line(REPORT + "    hours: night\n", a_world(intervals={"night": {"times": ["22:00-23:00"]}}))
    late.wait(HOUR)
    assert late.outcomes == ["suppressed hours:night"]


def test_a_text_that_comes_to_nothing_tells_nothing():
    line = Line(a_rule('schedule: daily at 13:00\ntext: "{% if data.open %}open{% endif %}"'))
    line.wait(HOUR)
    assert (line.sends, line.outcomes) == ([], ["dropped empty"])


def test_the_time_it_reports_does_not_move_with_a_clock_that_is_set():
    line = a_line()
    before = row_of(line)
    stored = next(row for row in line.rehearsal.state.rows() if row.key == "s/r")
    after = row_from_bytes("s/r", restamp("s/r", stored.value, us(7200)))
    assert (after.next_us, after.since_us) == (before.next_us, before.since_us + us(7200))


def test_one_planned_by_a_clock_far_ahead_is_planned_anew_when_it_is_looked_at():
    line = a_line()
    goes_down(line, 400 * 24 * HOUR)
    line.now_us = START_US
    (stored,) = (row for row in line.rehearsal.state.rows() if row.key == "s/r")
    line.rehearsal.state.commit([replace(stored, due_us=START_US)])
    line.wait(0)
    assert row_of(line).next_us <= START_US + us(25 * HOUR)


def test_a_message_less_test_of_a_rule_file_passes():
    rule_set = a_rule_set("""
        rules:
          - {name: r, schedule: daily at 13:00, text: "{{ data.open_count }} open", send: ops}
        tests:
          - name: nothing is open
            start: 2026-01-05T12:59:00Z
            until: 2m
            expect: [{rule: r, at: 1m, text: 0 open, phase: report}]
    """)
    (result,) = run_cases(rule_set, rule_set.cases)
    assert result.passed, result.differences


def test_takes_of_a_test_count():
    rule_set = a_rule_set(f"""
rules:{HOSTS}
  - {{name: r, schedule: daily at 13:00, text: "{{{{ data.taken }}}} {{{{ data.open[0].taken_by }}}}", send: ops}}
tests:
  - name: one was taken
    message: {{data: {{host: a, status: DOWN}}}}
    taken: [{{key: a, at: 1m}}]
    until: 2h
    expect: [{{rule: hosts}}, {{rule: r, at: 1h, text: 1 somebody}}]
""")
    (result,) = run_cases(rule_set, rule_set.cases)
    assert result.passed, result.differences


def test_an_earlier_rule_that_stops_everything_does_not_hide_it():
    rule_set = a_rule_set("""
        rules:
          - {name: all, stop: true, text: x, send: ops}
          - {name: r, schedule: daily at 13:00, text: "{{ data.fired }}", send: ops}
    """)
    assert rule_set.warnings == ()
    line = Line(rule_set)
    line.take()
    line.wait(HOUR)
    assert texts(line) == ["1"]


@pytest.mark.parametrize("key", ["match: {}", "key: x", "group: {by: [$.x]}", "escalate: [{after: 1m, to: mail}]"])
def test_keys_about_messages_are_a_load_error_beside_it(key: str):
    with pytest.raises(ProblemsFound) as raised:
        a_rule(f"schedule: daily at 13:00\n{key}")
    assert "is about messages, and a rule with schedule: sees none" in str(raised.value)


def test_a_report_about_a_rule_that_is_not_there_is_a_load_error():
    with pytest.raises(ProblemsFound) as raised:
        a_rule('schedule: {at: "13:00", rules: [rr]}\ntext: x')
    assert 'no rule "rr"; did you mean "r"?' in str(raised.value)


@given(st.lists(st.tuples(st.sampled_from(["wait", "down"]), st.integers(0, 40 * HOUR)), max_size=8))
def test_every_time_is_told_once_or_made_up_for_once_whatever_happens(steps):
    line = a_line()
    for what, seconds in steps:
        (line.wait if what == "wait" else lambda s: goes_down(line, s))(seconds)
    reports = [send for send in line.sends if send.phase == "report"]
    days = {(START_US + us(HOUR) + n * us(24 * HOUR)) for n in range(400)}
    due = [day for day in sorted(days) if day <= line.now_us]
    origins = [send.origin for send in reports]
    assert len(set(origins)) == len(origins)
    assert len(reports) <= len(due)
    assert bool(reports) == bool(due)
    if all(what == "wait" for what, _ in steps):
        assert len(reports) == len(due)
    assert row_of(line).next_us > line.now_us
