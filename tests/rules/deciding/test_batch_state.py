import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.deciding.batch_state import InMemoryState, Overlay
from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.model import Decision, StateChange, StateValue
from tests.fakes.rule_sets import START_US, a_message, a_rule


def a_change(key="k/r/a", value=b"x", **changed):
    return StateChange(**{"key": key, "value": value, "rule": "r", "expires_us": 100, **changed})


class TestOverlay:
    def test_it_shows_changes_with_the_versions_that_were_read(self):
        overlay = Overlay({"a": StateValue(b"1", 7), "b": StateValue(None, 0)})
        overlay.apply(Decision(changes=(a_change("a", b"2"), a_change("b", b"3")), reads={"a": 7, "b": 0}))
        assert overlay["a"] == StateValue(b"2", 7)
        assert overlay["b"] == StateValue(b"3", 0)
        assert overlay.reads == {"a": 7, "b": 0}

    def test_a_row_deleted_and_written_again_is_one_change(self):
        overlay = Overlay({"a": StateValue(b"1", 7)})
        overlay.apply(Decision(changes=(a_change("a", None),)))
        assert overlay["a"] == StateValue(None, 7)
        overlay.apply(Decision(changes=(a_change("a", b"2"),)))
        assert [change.value for change in overlay.changes] == [b"2"]


class TestMemoryState:
    def test_absent_and_expired_rows_have_version_0(self):
        state = InMemoryState()
        state.commit([a_change(expires_us=100)])
        assert state.read(["k/r/a", "none"], 99) == {"k/r/a": StateValue(b"x", 1), "none": StateValue(None, 0)}
        assert state.read(["k/r/a"], 100) == {"k/r/a": StateValue(None, 0)}
        assert len(state) == 0

    def test_every_write_has_a_new_version(self):
        state = InMemoryState()
        for expected in (1, 2, 3):
            state.commit([a_change()])
            assert state.read(["k/r/a"], 0)["k/r/a"].version == expected

    def test_timers_are_due_in_order_and_move_with_their_row(self):
        state = InMemoryState()
        state.commit([a_change("k/r/a", due_us=20), a_change("k/r/b", due_us=10)])
        assert state.next_due_us() == 10
        assert state.due(9) is None
        state.commit([a_change("k/r/b", due_us=30)])
        timer = state.due(25)
        assert timer is not None
        assert (timer.key, timer.due_us) == ("k/r/a", 20)
        state.commit([a_change("k/r/a", None), a_change("k/r/b")])
        assert state.next_due_us() is None

    def test_a_row_written_often_takes_no_more_room(self):
        state = InMemoryState()
        tracemalloc.start()
        for n in range(20_000):
            state.commit([a_change(due_us=10**9 + n, expires_us=10**10 + n)])
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size < 500_000
        assert state.next_due_us() == 10**9 + 19_999

    def test_rows_are_counted_by_rule(self):
        state = InMemoryState()
        state.commit([a_change("k/r/a"), a_change("k/r/b"), a_change("k/s/a", rule="s")])
        state.commit([a_change("k/r/b", None), a_change("k/r/a", b"y")])
        assert dict(state.counts()) == {"r": 1, "s": 1}


RULE = a_rule("""
    match: {$.s: CRITICAL}
    resolved: {$.s: OK}
    key: "{{ data.k }}"
    dedupe: 10m
    throttle: 3/1m
    flapping: {changes: 3, within: 10m}
    text: "{{ data.k }} {{ data.s }} {{ phase }}"
""")
messages = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["CRITICAL", "OK"])), max_size=20)


@settings(max_examples=60, deadline=None)
@given(said=messages, cut=st.integers(1, 20))
def test_a_batch_comes_to_the_same_as_one_message_after_another(said, cut):
    incoming = [a_message({"k": key, "s": status}, offset=n) for n, (key, status) in enumerate(said)]
    context = DecideContext(START_US)
    alone, one_by_one = InMemoryState(), []
    for one in incoming:
        matches = match(RULE, one, START_US)
        decision = decide(RULE, matches, alone.read(matches.needs, START_US), context)
        alone.commit(decision.changes)
        one_by_one += decision.sends
    together, in_batches = InMemoryState(), []
    for start in range(0, len(incoming), cut):
        found = [match(RULE, one, START_US) for one in incoming[start : start + cut]]
        overlay = Overlay(together.read([key for one in found for key in one.needs], START_US))
        for matches in found:
            decision = decide(RULE, matches, overlay, context)
            overlay.apply(decision)
            in_batches += decision.sends
        together.commit(overlay.changes)
    assert in_batches == one_by_one
    assert {row.key: row for row in together.rows()} == {row.key: row for row in alone.rows()}
