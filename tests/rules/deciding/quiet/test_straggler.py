"""Late firings of what is over, as the sender says by ``startsAt`` or the rule by ``since:`` (decision 35)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.batch_state import InMemoryState
from rules.deciding.quiet.restamp import restamp
from tests.fakes.rule_sets import START_US, Line, a_rule, us

RULE = """
match: {$.status: DOWN}
resolved: {$.status: UP}
key: "{{ data.k }}"
since: "{{ data.clock }}"
text: "{{ data.status }}"
"""
CLOCK = START_US // 1_000_000


def takes(line, status, clock, **changed):
    return line.take({"k": "a", "status": status, "clock": clock}, **changed)


def test_a_late_firing_of_what_is_over_waits_for_its_own_end():
    line = Line(a_rule(RULE))
    takes(line, "DOWN", CLOCK)
    takes(line, "UP", CLOCK, after_s=60)
    assert takes(line, "DOWN", CLOCK, after_s=10) == []
    assert takes(line, "UP", CLOCK, after_s=10) == []
    assert line.outcomes[-2:] == ["suppressed straggler", "updated told-nobody"]
    assert line.wait(3600) == []
    assert line.balance() == 0


def test_one_that_began_earlier_is_late_too_and_one_that_began_later_is_told():
    line = Line(a_rule(RULE))
    takes(line, "DOWN", CLOCK)
    takes(line, "UP", CLOCK, after_s=60)
    assert takes(line, "DOWN", CLOCK - 5) == []
    assert [one.phase for one in takes(line, "DOWN", CLOCK + 1)] == ["firing"]


def test_without_an_end_of_its_own_it_is_told_after_five_minutes():
    line = Line(a_rule(RULE))
    takes(line, "DOWN", CLOCK)
    takes(line, "UP", CLOCK)
    takes(line, "DOWN", CLOCK)
    assert line.wait(299) == []
    assert "its end had just been told" in line.wait(1)[0].post.text


@pytest.mark.parametrize("clock", ["2026-01-05T11:59:00Z", "1767614340", 1767614340, 1767614340000])
def test_a_time_may_be_written_as_senders_write_it(clock):
    line = Line(a_rule(RULE))
    takes(line, "DOWN", clock)
    takes(line, "UP", clock)
    assert takes(line, "DOWN", clock) == []


@pytest.mark.parametrize("clock", ["", "soon", "0001-01-01T00:00:00Z"])
def test_what_is_no_time_says_nothing(clock):
    line = Line(a_rule(RULE))
    takes(line, "DOWN", clock)
    takes(line, "UP", clock)
    assert len(takes(line, "DOWN", clock)) == 1


def test_one_that_fails_says_nothing_and_counts():
    line = Line(a_rule(RULE))
    line.take({"k": "a", "status": "DOWN"})
    line.take({"k": "a", "status": "UP"})
    assert len(line.take({"k": "a", "status": "DOWN"})) == 1
    assert line.counts["since_errors"] == 1
    assert "since:" in line.failures["r"]


def test_where_it_is_said_it_stands_in_place_of_what_senders_say_by_themselves():
    line = Line(a_rule(RULE))
    old, new = "2026-01-05T11:00:00Z", "2026-01-05T12:30:00Z"
    line.take({"k": "a", "status": "DOWN", "clock": old, "startsAt": new})
    line.take({"k": "a", "status": "UP", "clock": old, "startsAt": new})
    assert len(line.take({"k": "a", "status": "DOWN", "clock": new, "startsAt": new})) == 1


def test_it_sees_what_set_made():
    line = Line(a_rule(RULE.replace('"{{ data.clock }}"', '"{{ vars.at }}"') + 'set: {at: "{{ data.clock }}"}\n'))
    takes(line, "DOWN", CLOCK)
    takes(line, "UP", CLOCK)
    assert takes(line, "DOWN", CLOCK) == []


def test_it_is_remembered_while_the_clock_is_set():
    line = Line(a_rule(RULE))
    takes(line, "DOWN", CLOCK)
    takes(line, "UP", CLOCK)
    moved = InMemoryState()
    for row in line.rehearsal.state.rows():
        value = restamp(row.key, row.value, us(7200))
        moved.commit([type(row)(row.key, value, row.rule, row.expires_us + us(7200), None, row.waits_for)])
    line.rehearsal.state = moved
    line.now_us += us(7200)
    assert takes(line, "DOWN", CLOCK) == []


def test_without_an_end_it_cannot_be_meant():
    with pytest.raises(Exception, match="since tells the lives of an alert apart; add resolved:"):
        a_rule('key: a\nsince: "{{ data.clock }}"')


LIVES = st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(LIVES)
def test_two_senders_tell_each_life_once(lives):
    """Each life lasts so many seconds; its firing and its end come once more from a second sender, a little late."""
    line = Line(a_rule(RULE))
    for lasts_s, second in lives:
        clock = line.now_us // 1_000_000
        takes(line, "DOWN", clock)
        takes(line, "UP", clock, after_s=lasts_s)
        if second:
            takes(line, "DOWN", clock, after_s=2)
            takes(line, "UP", clock, after_s=2)
        line.wait(60)
    assert line.phases == ["firing", "resolved"] * len(lives)
    assert line.balance() == 0
