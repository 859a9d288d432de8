"""``count:``: what comes too seldom is told to nobody; docs/specification/lasting-and-counting.md."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.rule_sets import Line, a_rule, a_silence
from tests.rules.deciding.quiet.test_ahead import BACK, STEPS, step

RULE = """
match: {$.status: FAILED}
key: "{{ data.k }}"
count: {at_least: 3, within: 10m}
text: "{{ data.k }} failed"
"""
ENDS = RULE + "resolved: {$.status: OK}\n"


def fails(line, key="a", **changed):
    return line.take({"k": key, "status": "FAILED"}, **changed)


def resolves(line, key="a", **changed):
    return line.take({"k": key, "status": "OK"}, **changed)


def test_the_third_within_ten_minutes_is_told():
    line = Line(a_rule(RULE))
    assert fails(line) == []
    assert fails(line, after_s=300) == []
    assert len(fails(line, after_s=299)) == 1
    assert line.outcomes == ["suppressed count", "suppressed count", "sent"]
    assert line.balance() == 0


def test_one_at_the_very_end_of_the_window_is_too_late():
    line = Line(a_rule(RULE))
    fails(line)
    fails(line, after_s=300)
    assert fails(line, after_s=300) == []


def test_each_that_comes_often_enough_is_told_unless_it_is_a_duplicate():
    line, quieter = Line(a_rule(RULE)), Line(a_rule(RULE + "dedupe: 10m\n"))
    for one in (line, quieter):
        for _ in range(8):
            fails(one, after_s=60)
    assert (len(line.sends), len(quieter.sends)) == (6, 1)


def test_each_key_is_counted_by_itself():
    line = Line(a_rule(RULE))
    for key in "ababa":
        fails(line, key)
    assert [one.key for one in line.sends] == ["a"]


def test_what_is_silenced_counts():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=60))
    fails(line)
    fails(line)
    assert len(fails(line, after_s=60)) == 1


def test_an_incident_is_told_when_it_has_come_often_enough_and_so_is_its_end():
    line = Line(a_rule(ENDS))
    fails(line)
    fails(line, after_s=60)
    (told,) = fails(line, after_s=60)
    assert "Firing since 2026-01-05 12:00 UTC; not told before because it had not come often enough." in told.post.text
    assert [one.phase for one in resolves(line)] == ["resolved"]
    assert line.balance() == 0


def test_an_incident_that_came_too_seldom_is_told_to_nobody():
    line = Line(a_rule(ENDS))
    fails(line)
    fails(line)
    assert resolves(line) == []
    assert line.wait(30 * 86_400) == []
    assert line.balance() == 0


def test_an_end_between_two_events_does_not_begin_the_count_anew():
    line = Line(a_rule(ENDS))
    for _ in range(2):
        fails(line, after_s=60)
        resolves(line, after_s=60)
    assert len(fails(line, after_s=60)) == 1


def test_an_incident_that_came_often_enough_within_a_silence_is_told_after_it():
    line = Line(a_rule(ENDS))
    line.silence(a_silence({"rule": "r"}, until_s=3600))
    for _ in range(3):
        assert fails(line, after_s=60) == []
    assert line.wait(3600 - 181) == []
    assert len(line.wait(1)) == 1


def test_later_events_of_an_incident_that_was_told_need_not_be_many():
    line = Line(a_rule(ENDS))
    for _ in range(3):
        fails(line)
    assert len(fails(line, after_s=3600)) == 1


def test_the_next_incident_has_to_come_often_enough_too():
    line = Line(a_rule(ENDS))
    for _ in range(3):
        fails(line)
    resolves(line)
    assert fails(line, after_s=3600) == []


def test_it_has_to_last_and_to_come_often_enough():
    line = Line(a_rule(ENDS + "for: 5m\n"))
    for _ in range(3):
        fails(line, after_s=10)
    assert line.outcomes == ["suppressed count", "suppressed count", "suppressed for"]
    assert line.wait(279) == []
    assert len(line.wait(1)) == 1


def test_what_is_counted_is_forgotten_with_its_window():
    line = Line(a_rule(RULE))
    fails(line)
    line.wait(599)
    assert len(line.rehearsal.state.read([], line.now_us)) == 0
    assert len(line.rehearsal.state) == 1
    line.wait(1)
    line.rehearsal.state.read([], line.now_us)
    assert len(line.rehearsal.state) == 0


def test_an_edit_counts_what_is_remembered():
    line = Line(a_rule(RULE))
    fails(line)
    fails(line)
    line.reload(a_rule(RULE.replace("at_least: 3", "at_least: 2")))
    assert len(fails(line)) == 1
    line.reload(a_rule(RULE.replace("at_least: 3", "at_least: 5")))
    assert fails(line) == []


def test_without_the_key_an_incident_that_waits_is_told_when_it_is_looked_at():
    line = Line(a_rule(ENDS))
    fails(line)
    line.reload(a_rule(ENDS.replace("count: {at_least: 3, within: 10m}\n", "")))
    assert [one.phase for one in line.wait(60)] == ["firing"]


def test_an_event_without_a_key_is_told_at_once():
    line = Line(a_rule(RULE))
    assert len(line.take({"status": "FAILED"})) == 1


@STEPS
def test_a_clock_that_is_set_changes_nothing_of_the_count(step_s):
    line = Line(a_rule(RULE))
    fails(line)
    fails(line, after_s=300)
    step(line, step_s, is_seen=True)
    assert len(fails(line, after_s=299)) == 1


@BACK
def test_events_of_the_future_do_not_count(step_s):
    line = Line(a_rule(RULE))
    fails(line)
    fails(line)
    step(line, step_s, is_seen=False)
    assert fails(line) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("count: {at_least: 3, within: 10m}", "count counts for each key"),
        ("key: a\ncount: 3", "count must be a mapping, such as"),
        ("key: a\ncount: {at_least: 1, within: 10m}", "from 2 to 1000"),
        ("key: a\ncount: {at_least: 3}", "count needs within"),
        ("key: a\ncount: {within: 3m}", "count needs at_least"),
        ("key: a\ncount: {at_least: 3, within: 0s}", "no time at all"),
        ("key: a\ncount: {at_least: 3, in: 3m}", "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines, said):
    with pytest.raises(Exception, match=said):
        a_rule(lines)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 1, 60, 200, 299, 300, 599, 600]), st.sampled_from("ab")), max_size=25))
def test_exactly_those_are_told_before_which_two_came_within_the_window(story):
    line, came = Line(a_rule(RULE)), []
    for after_s, key in story:
        told = bool(fails(line, key, after_s=after_s))
        came.append((line.now_us, key))
        assert told == (sum(of == key and line.now_us - at_us < 600_000_000 for at_us, of in came) >= 3)
    assert line.balance() == 0
