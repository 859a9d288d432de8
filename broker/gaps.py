"""Offsets that were never given to a message: a restore passes over them, so that no id is given twice.

They are no messages, and no book counts them as such. Each gap is a named counter of its topic: where it
begins, and how many offsets it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.store import Store

SKIPPED: Final = "skipped/"


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps of one topic: where each begins, and how many offsets it has."""

    found: Mapping[int, int]

    def count_within(self, first: int, end: int) -> int:
        """How many offsets from ``first`` up to ``end`` were never given to a message."""
        spans = ((max(begin, first), min(begin + size, end)) for begin, size in self.found.items())
        return sum(max(last - begin, 0) for begin, last in spans)


def gaps_of(counters: Mapping[str, int]) -> Gaps:
    """The gaps among the counters of one topic."""
    named = ((name.removeprefix(SKIPPED), n) for name, n in counters.items() if name.startswith(SKIPPED))
    return Gaps({int(begin): n for begin, n in named})


async def read_gaps(store: Store, topic_uid: str) -> Gaps:
    """The gaps of a topic. Raises StoreError."""
    return gaps_of({name: n for (_, name), n in (await store.counters(topic_uid)).items()})


async def count_missing(store: Store, topic_uid: str, first: int, end: int, known: int) -> int:
    """How many messages a topic had from ``first`` up to ``end`` beside those known. Raises StoreError."""
    missing = end - first - known
    return missing - (await read_gaps(store, topic_uid)).count_within(first, end) if missing > 0 else missing
