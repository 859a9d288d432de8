"""``for:``: what is over before it has lasted is told to nobody; docs/specification/lasting-and-counting.md."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.quiet.incident_rows import take_row
from rules.deciding.quiet.rows import Incident, KeyRow, row_from_bytes, row_to_bytes
from rules.model import StateChange
from tests.fakes.rule_sets import Line, a_message, a_rule, a_rule_set, a_silence
from tests.rules.deciding.quiet.test_ahead import BACK, STEPS, step

RULE = """
match: {$.status: CRITICAL}
resolved: {$.status: OK}
key: "{{ data.k }}"
for: 5m
text: "{{ data.k }} is {{ data.status }}"
"""


def fires(line, key="a", **changed):
    return line.take({"k": key, "status": "CRITICAL"}, **changed)


def resolves(line, key="a", **changed):
    return line.take({"k": key, "status": "OK"}, **changed)


def test_an_alert_is_told_when_it_has_lasted_and_says_since_when():
    line = Line(a_rule(RULE))
    assert fires(line) == []
    assert line.wait(299) == []
    (told,) = line.wait(1)
    assert (told.phase, told.post.text) == ("firing", "a is CRITICAL\n_Firing since 2026-01-05 12:00 UTC._")
    assert [one.phase for one in resolves(line)] == ["resolved"]
    assert line.balance() == 0


def test_one_that_is_over_before_is_told_to_nobody():
    line = Line(a_rule(RULE))
    fires(line)
    assert resolves(line, after_s=299) == []
    assert line.wait(86_400) == []
    assert line.outcomes == ["suppressed for", "updated told-nobody"]
    assert line.balance() == 0
    assert len(line.rehearsal.state) == 0


def test_one_that_fires_again_begins_anew():
    line = Line(a_rule(RULE))
    fires(line)
    resolves(line, after_s=200)
    fires(line, after_s=50)
    assert line.wait(299) == []
    assert [one.phase for one in line.wait(1)] == ["firing"]


def test_more_of_the_same_neither_prolongs_nor_shortens_it():
    line = Line(a_rule(RULE))
    for _ in range(5):
        assert fires(line, after_s=50) == []
    assert line.wait(99) == []
    assert len(line.wait(1)) == 1
    assert line.outcomes == ["suppressed for"] * 5 + ["sent"]
    assert line.balance() == 0


def test_an_event_at_the_very_time_tells_it_once():
    line = Line(a_rule(RULE + "dedupe: 1h\n"))
    fires(line)
    line.now_us += 300_000_000
    line.rehearsal.take(a_message({"k": "a", "status": "CRITICAL"}), line.now_us)
    assert line.wait(3600) == []


def test_what_hides_it_when_it_has_lasted_is_the_reason_people_are_told():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=600))
    fires(line)
    assert line.wait(599) == []
    (late,) = line.wait(1)
    assert "not told before because it was silenced" in late.post.text
    assert line.balance() == 0


def test_a_silence_that_ends_before_changes_nothing():
    line = Line(a_rule(RULE))
    line.silence(a_silence({"rule": "r"}, until_s=60))
    fires(line)
    assert line.wait(299) == []
    assert len(line.wait(1)) == 1


def test_until_then_it_keeps_others_quiet_and_they_are_told_if_it_is_over():
    line = Line(
        a_rule_set("""
        rules:
          - {name: site, match: {$.s: DOWN}, resolved: {$.s: UP}, key: site, for: 5m, send: mail}
          - name: host
            match: {$.h: DOWN}
            resolved: {$.h: UP}
            key: host
            inhibited_by: {rule: site}
            send: ops
    """)
    )
    line.take({"s": "DOWN"})
    assert line.take({"h": "DOWN"}) == []
    assert line.take({"s": "UP"}, after_s=60) == []
    assert [(one.rule, one.phase) for one in line.wait(1)] == [("host", "firing")]


def test_one_that_somebody_takes_before_is_told_all_the_same_and_nobody_is_reminded():
    line = Line(a_rule(RULE + "repeat: 1h\n"))
    fires(line)
    (row,) = line.rehearsal.state.rows()
    taken = take_row(row.key, row.value, "ann")
    line.rehearsal.state.commit([StateChange(row.key, taken.value, row.rule, row.expires_us, row.due_us)])
    assert [one.phase for one in line.wait(300)] == ["firing"]
    assert line.wait(3 * 3600) == []


def test_it_joins_its_group_when_it_has_lasted():
    line = Line(a_rule(RULE + "group: {wait: 30s}\n"))
    fires(line, "a")
    fires(line, "b", after_s=10)
    assert line.wait(319) == []
    (post,) = line.wait(1)
    assert post.stands_for == 2


def test_one_that_flaps_within_the_time_is_told_to_nobody():
    line = Line(a_rule(RULE + "flapping: {changes: 4, within: 30m}\n"))
    for _ in range(6):
        fires(line, after_s=60)
        resolves(line, after_s=60)
    assert line.wait(86_400) == []
    assert line.sends == []
    assert line.balance() == 0


def test_an_alert_without_a_key_is_told_at_once():
    line = Line(a_rule(RULE))
    assert len(line.take({"status": "CRITICAL"})) == 1


def test_a_shorter_time_holds_for_what_waits():
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(60)
    line.reload(a_rule(RULE.replace("5m", "1m")))
    assert len(line.wait(75)) == 1


def test_without_the_key_what_waits_is_told_when_it_is_looked_at():
    line = Line(a_rule(RULE))
    fires(line)
    line.reload(a_rule(RULE.replace("for: 5m\n", "")))
    assert len(line.wait(60)) == 1
    assert [one.phase for one in resolves(line)] == ["resolved"]


def test_who_was_told_before_the_key_was_there_hears_the_end():
    line = Line(a_rule(RULE.replace("for: 5m\n", "")))
    fires(line)
    line.reload(a_rule(RULE))
    assert [one.phase for one in resolves(line, after_s=10)] == ["resolved"]


def test_one_of_which_nothing_is_heard_for_so_long_that_it_is_forgotten_is_told_to_nobody():
    line = Line(a_rule(RULE + "forget_after: 6m\nhours: maintenance\n"))
    fires(line)
    assert line.wait(86_400) == []
    assert line.balance() == 0


@STEPS
def test_a_clock_that_is_set_changes_nothing_of_how_long_it_lasts(step_s):
    line = Line(a_rule(RULE))
    fires(line)
    line.wait(60)
    step(line, step_s, is_seen=True)
    assert line.wait(239) == []
    assert len(line.wait(1)) == 1


@BACK
def test_one_that_began_in_the_future_waits_its_time_at_most(step_s):
    line = Line(a_rule(RULE))
    fires(line)
    step(line, step_s, is_seen=False)
    fires(line)
    assert len(line.wait(300)) == 1


def test_an_incident_of_before_an_update_counts_from_what_was_told():
    row = KeyRow("a", incident=Incident(since_us=7, seen_us=7, event=b"", version="v", judging="j"))
    assert row_from_bytes("k/r/a", row_to_bytes(row)).incident.began_us == 0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("key: a\nfor: 5m", "add resolved: to say when it is over"),
        ("key: a\nresolved: {$.s: 1}\nfor: 5", "duration"),
        ("key: a\nresolved: {$.s: 1}\nfor: 0s", "no time at all"),
        ("key: a\nresolved: {$.s: 1}\nfor: 7d", "for must be shorter"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines, said):
    with pytest.raises(Exception, match=said):
        a_rule(lines)


EVENTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 59, 150, 299, 300, 301, 900]), st.sampled_from("ab"), st.booleans()), max_size=20
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_exactly_the_alerts_that_lasted_are_told_and_each_at_its_time(story):
    line, began, lasted = Line(a_rule(RULE + "dedupe: 7d\n")), {}, []
    for after_s, key, firing in story:
        now_us = line.now_us + after_s * 1_000_000
        if firing:
            fires(line, key, after_s=after_s)
            began.setdefault(key, now_us)
        else:
            resolves(line, key, after_s=after_s)
            if key in began and now_us - began[key] >= 300_000_000:
                lasted.append(key)
            began.pop(key, None)
    lasted += list(began)
    line.wait(301)
    told = [one.key for one in line.sends if one.phase == "firing"]
    assert sorted(told) == sorted(lasted)
    assert line.balance() == 0
