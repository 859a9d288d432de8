"""Offsets that no message ever had are counted out of every span that crosses them."""

from __future__ import annotations

import pytest

from broker.clock import ManualClock
from broker.engines.memory import MemoryStore
from broker.gaps import SKIPPED, gaps_of, read_gaps
from broker.model import Commit


@pytest.mark.parametrize(
    ("first", "end", "within"),
    [(0, 3, 0), (0, 1_000_003, 1_000_000), (3, 10, 7), (500_000, 2_000_000, 500_003), (1_000_003, 1_000_010, 0)],
)
def test_a_span_holds_as_much_of_a_gap_as_lies_in_it(first: int, end: int, within: int) -> None:
    assert gaps_of({f"{SKIPPED}3": 1_000_000, "decided": 7}).count_within(first, end) == within


def test_several_gaps_add_up() -> None:
    assert gaps_of({f"{SKIPPED}3": 10, f"{SKIPPED}20": 5}).count_within(0, 22) == 12


async def test_the_gaps_of_a_topic_are_read_from_its_own_counters() -> None:
    store = MemoryStore(ManualClock())
    await store.commit(Commit(counters={("a", f"{SKIPPED}3"): 10, ("b", f"{SKIPPED}0"): 4}))
    assert (await read_gaps(store, "a")).found == {3: 10}
    assert (await read_gaps(store, "c")).count_within(0, 100) == 0
