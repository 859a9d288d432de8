"""State that outgrows memory behaves as before, and memory stays small."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.cli.spilling import SpillingState
from rules.deciding.batch_state import InMemoryState
from rules.model import StateChange

KEYS = [f"k/r{n % 2}/{n}" for n in range(6)]
CHANGES = st.builds(
    lambda key, value, life, due: (key, value, life, due),
    st.sampled_from(KEYS),
    st.none() | st.binary(min_size=1, max_size=3),
    st.integers(1, 50),
    st.none() | st.integers(0, 60),
)


def a_change(key: str, value: bytes | None, expires_us: int, due_us: int | None = None) -> StateChange:
    return StateChange(key, value, key.split("/")[1], expires_us, due_us)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.lists(CHANGES, max_size=3)), max_size=40))
def test_it_behaves_as_state_in_memory(
    steps: list[tuple[int, list[tuple[str, bytes | None, int, int | None]]]],
) -> None:
    memory, spilling = InMemoryState(), SpillingState(max_rows=2)
    now_us = 0
    for passes_us, wanted in steps:
        now_us += passes_us
        changes = [a_change(key, value, now_us + life, due) for key, value, life, due in wanted]
        for state in (memory, spilling):
            state.commit(changes)
        seen = [{key: one.value for key, one in state.read(KEYS, now_us).items()} for state in (memory, spilling)]
        assert seen[0] == seen[1]
        due, other = memory.due(now_us), spilling.due(now_us)
        assert (due and (due.key, due.due_us, due.value)) == (other and (other.key, other.due_us, other.value))
        assert +memory.counts() == +spilling.counts()  # type: ignore[operator]


def test_it_spills_when_there_are_many_rows() -> None:
    state = SpillingState(max_rows=10)
    for number in range(12):
        assert state.is_spilled is (number > 10)
        state.commit([a_change(f"k/r/{number}", b"x", 100)])
    assert state.counts() == {"r": 12}


def test_it_spills_when_rows_are_heavy() -> None:
    state = SpillingState(max_bytes=1_000_000)
    for number in range(1000):
        state.commit([a_change(f"k/r/{number % 200}", b"x" * 10_000, 100)])
    assert state.is_spilled
    assert state.read(["k/r/7"], 0)["k/r/7"].value == b"x" * 10_000
