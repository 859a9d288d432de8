"""Rows that a clock ahead of ours wrote keep nobody quiet, and rows moved along last as long as they were to."""

import pytest

from rules.deciding.batch_state import InMemoryState
from rules.deciding.quiet.restamp import restamp
from rules.deciding.quiet.rows import FiringRow, KeyRow, row_from_bytes, row_to_bytes
from rules.model import StateChange
from tests.fakes.rule_sets import Line, a_rule, a_rule_set, us

HOUR_S = 3_600
YEAR_S = 365 * 86_400
BACK = pytest.mark.parametrize("step_s", [-YEAR_S, -HOUR_S])
STEPS = pytest.mark.parametrize("step_s", [-YEAR_S, -HOUR_S, -5, 5, HOUR_S, YEAR_S])
DOWN, UP = {"status": "CRITICAL"}, {"status": "OK"}
ENDS = "resolved: {$.status: OK}\nkey: host\ntext: '{{ data.status }}'\n"


def step(line: Line, step_s: float, *, is_seen: bool) -> None:
    """The wall clock is set; a store that saw it moves times along."""
    line.now_us += us(step_s)
    if not is_seen:
        return
    moved = InMemoryState()
    for change in list(line.rehearsal.state.rows()):
        assert change.value is not None
        due_us = None if change.due_us is None else change.due_us + us(step_s)
        value = restamp(change.key, change.value, us(step_s))
        expires_us = change.expires_us + us(step_s)
        moved.commit([StateChange(change.key, value, change.rule, expires_us, due_us, change.waits_for)])
    line.rehearsal.state = moved


@BACK
def test_a_duplicate_of_the_future_is_none(step_s):
    line = Line(a_rule("key: host\ndedupe: 10m\ntext: down\n"))
    line.take()
    step(line, step_s, is_seen=False)
    assert len(line.take()) == 1
    assert not line.take()


@BACK
def test_a_throttle_that_was_full_in_the_future_has_room(step_s):
    line = Line(a_rule("throttle: 2/1d\ntext: down\n"))
    for _ in range(2):
        line.take()
    step(line, step_s, is_seen=False)
    assert len(line.take()) == 1


@BACK
def test_what_waits_behind_a_throttle_of_the_future_is_told_when_somebody_looks(step_s):
    line = Line(a_rule("throttle: 2/1d\ntext: down\n"))
    for _ in range(3):
        line.take()
    step(line, step_s, is_seen=False)
    line.take()
    (digest,) = line.wait(1)
    assert digest.stands_for == 2
    assert line.balance() == 0


@BACK
def test_a_group_that_collects_in_the_future_posts_when_it_is_joined(step_s):
    line = Line(a_rule("group: {by: [$.status], wait: 30s, every: 5m}\ntext: down\n"))
    line.take()
    step(line, step_s, is_seen=False)
    line.take()
    (post,) = line.wait(1)
    assert post.stands_for == 2


@BACK
def test_a_group_that_posted_in_the_future_waits_for_its_own_time_only(step_s):
    line = Line(a_rule("group: {by: [$.status], wait: 30s, every: 10d}\ntext: down\n"))
    line.take()
    line.wait(30)
    step(line, step_s, is_seen=False)
    line.take()
    assert len(line.wait(30)) == 1


@BACK
def test_changes_of_the_future_do_not_flap(step_s):
    line = Line(a_rule(ENDS + "flapping: {changes: 3, within: 1d}\n"))
    for data in (DOWN, UP):
        line.take(data)
    step(line, step_s, is_seen=False)
    line.take(DOWN)
    assert line.phases[-1] == "firing"


@BACK
def test_an_incident_of_the_future_is_reminded_of_and_its_end_is_told(step_s):
    line = Line(a_rule(ENDS + "repeat: 4h\nforget_after: 7d\n"))
    line.take(DOWN)
    step(line, step_s, is_seen=False)
    line.take(DOWN)
    assert [send.phase for send in line.wait(4 * HOUR_S)] == ["reminder"]
    line.take(UP)
    assert line.phases[-1] == "resolved"


def test_an_inhibitor_of_the_future_keeps_nobody_quiet_until_it_fires_again():
    rules = """
        rules:
          - name: site
            match: {$.kind: site}
            resolved: {$.status: OK}
            key: "{{ data.site }}"
            text: site
            send: ops
          - name: host
            match: {$.kind: host}
            resolved: {$.status: OK}
            key: "{{ data.site }}"
            inhibited_by: {rule: site, same: [$.site]}
            text: host
            send: ops
        """
    line = Line(a_rule_set(rules))
    line.take({"kind": "site", "site": "a"})
    step(line, -YEAR_S, is_seen=False)
    assert len(line.take({"kind": "host", "site": "a"})) == 1
    line.take({"kind": "site", "site": "a"})
    line.take({"kind": "host", "site": "a"})
    assert line.outcomes[-1] == "suppressed inhibited:site"


@STEPS
def test_every_pause_lasts_as_long_as_it_was_to_when_the_step_was_seen(step_s):
    line = Line(a_rule(ENDS + "dedupe: 1h\nrepeat: 2h\nforget_after: 3h\n"))
    line.take(DOWN)
    line.wait(60)
    step(line, step_s, is_seen=True)
    assert not line.take(DOWN)
    assert not line.wait(2 * HOUR_S - 61)
    assert [send.phase for send in line.wait(1)] == ["reminder"]
    assert [send.phase for send in line.wait(HOUR_S + 60)] == ["stale"]


@STEPS
def test_a_group_and_a_throttle_last_as_long_as_they_were_to_when_the_step_was_seen(step_s):
    line = Line(a_rule("group: {by: [$.status], wait: 30s, every: 5m}\nthrottle: 1/1h\ntext: down\n"))
    line.take()
    line.wait(10)
    step(line, step_s, is_seen=True)
    assert not line.wait(19)
    assert len(line.wait(1)) == 1
    line.take()
    step(line, step_s, is_seen=True)
    assert not line.wait(HOUR_S - 1)
    assert [send.phase for send in line.wait(1)] == ["digest"]
    assert line.balance() == 0


@STEPS
def test_firing_incidents_of_an_inhibitor_move_along(step_s):
    row = FiringRow({"a": {"k": us(YEAR_S * 50)}}, {"a": ["k/r/x"]})
    moved = row_from_bytes("f/r/x", restamp("f/r/x", row_to_bytes(row), us(step_s)))
    assert moved == FiringRow({"a": {"k": us(YEAR_S * 50 + step_s)}}, {"a": ["k/r/x"]})


def test_what_people_read_moves_only_back():
    line = Line(a_rule(ENDS))
    line.take(DOWN)
    (change,) = line.rehearsal.state.rows()
    incidents = []
    for step_s in (-HOUR_S, HOUR_S):
        row = row_from_bytes(change.key, restamp(change.key, change.value or b"", us(step_s)))
        assert isinstance(row, KeyRow)
        assert row.incident is not None
        incidents.append(row.incident)
    assert [one.since_us - line.now_us for one in incidents] == [us(-HOUR_S), 0]
    assert [one.seen_us - line.now_us for one in incidents] == [us(-HOUR_S), us(HOUR_S)]


def test_rows_of_others_stay_as_they_are():
    assert restamp("canary/ops", b"whatever", 5) == b"whatever"
