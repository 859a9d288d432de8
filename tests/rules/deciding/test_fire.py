import pytest

from rules.deciding.decision_builder import DecideContext, MissingState
from rules.deciding.fire import fire, needs_for
from rules.model import StateValue
from tests.fakes.rule_sets import START_US, Line, a_rule, us

RULE = 'match: {$.s: X}\nresolved: {$.s: OK}\nkey: "{{ data.k }}"\nrepeat: 1h\nthrottle: 5/1m\n'
NOW = DecideContext(START_US + us(3600))


def a_timer(rule_set):
    line = Line(rule_set)
    line.take({"s": "X", "k": "a"})
    timer = line.rehearsal.state.due(START_US + us(3600))
    assert timer is not None
    return line, timer


def test_a_timer_names_the_rows_it_needs_its_own_first():
    rule_set = a_rule(RULE)
    _, timer = a_timer(rule_set)
    assert needs_for(rule_set, timer) == ("k/r/a", "t/r")


def test_posts_of_a_timer_are_named_after_it():
    rule_set = a_rule(RULE)
    line, timer = a_timer(rule_set)
    state = line.rehearsal.state.read(needs_for(rule_set, timer), START_US)
    decision = fire(rule_set, timer, state, NOW)
    assert [(send.origin, send.phase) for send in decision.sends] == [(f"t/k/r/a/{START_US + us(3600)}", "reminder")]
    assert decision.fate is None
    assert decision.tally == {"decided": 1}
    assert decision.reads == {key: value.version for key, value in state.items()}


def test_a_timer_whose_row_has_moved_does_nothing():
    rule_set = a_rule(RULE)
    line, timer = a_timer(rule_set)
    line.take({"s": "X", "k": "a"})
    state = line.rehearsal.state.read(needs_for(rule_set, timer), START_US)
    assert fire(rule_set, timer, state, NOW).changes == ()
    gone = {key: StateValue(None, 0) for key in state}
    assert fire(rule_set, timer, gone, NOW).changes == ()


def test_the_same_timer_and_state_give_the_same_decision():
    rule_set = a_rule(RULE)
    line, timer = a_timer(rule_set)
    state = line.rehearsal.state.read(needs_for(rule_set, timer), START_US)
    assert fire(rule_set, timer, state, NOW) == fire(rule_set, timer, state, NOW)


def test_a_row_that_was_not_read_is_named():
    rule_set = a_rule(RULE)
    line, timer = a_timer(rule_set)
    state = line.rehearsal.state.read([timer.key], START_US)
    with pytest.raises(MissingState, match="t/r"):
        fire(rule_set, timer, state, NOW)
