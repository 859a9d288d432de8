"""The Decisions in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker.engines.memory.trouble import Gate
from broker.model import DecisionRecord


class MemoryDecisions:
    """See broker.store.Decisions."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._records: list[DecisionRecord] = []
        self._seq = 0

    async def of(self, topic_uid: str, offset: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        async with self._gate("decisions.of"):
            return [one for one in self._records if one.topic_uid == topic_uid and one.offset == offset]

    async def since(self, seq: int, limit: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        async with self._gate("decisions.since"):
            return [one for one in self._records if one.seq > seq][:limit]

    def apply(self, decisions: Sequence[DecisionRecord]) -> None:
        """Write decisions in order, each with its number."""
        for decision in decisions:
            self._seq += 1
            self._records.append(replace(decision, seq=self._seq))

    def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` decisions made before ``before_us`` and say how many."""
        old = {one.seq for one in [one for one in self._records if one.at_us < before_us][:limit]}
        self._records = [one for one in self._records if one.seq not in old]
        return len(old)
