"""The Decisions in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker.engines.memory.trouble import Gate
from broker.model import DecisionQuery, DecisionRecord
from broker.steady import SteadyTime


class MemoryDecisions:
    """See broker.store.Decisions."""

    def __init__(self, steady: SteadyTime, gate: Gate) -> None:
        self._steady = steady
        self._gate = gate
        self._records: list[DecisionRecord] = []
        self._made_us: dict[int, int] = {}  # by number, in steady time
        self._seq = 0

    async def list_for_message(self, topic_uid: str, offset: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        async with self._gate("decisions.of"):
            return [record for record in self._records if record.topic_uid == topic_uid and record.offset == offset]

    async def list_after(self, seq: int, limit: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        async with self._gate("decisions.since"):
            return [record for record in self._records if record.seq > seq][:limit]

    async def find_quiet(self, query: DecisionQuery) -> Sequence[DecisionRecord]:
        """See Decisions."""
        async with self._gate("decisions.find_quiet"):
            now = self._steady.read()
            since_us = now.steady_of(query.since_us or 0)
            until_us = None if query.until_us is None else now.steady_of(query.until_us)
            fitting = [
                record
                for record in reversed(self._records)
                if _fits(record, query)
                and self._made_us[record.seq] >= since_us
                and (until_us is None or self._made_us[record.seq] < until_us)
            ]
            return fitting[: query.limit]

    def apply(self, decisions: Sequence[DecisionRecord]) -> None:
        """Write decisions in order, each with its number."""
        for decision in decisions:
            self._seq += 1
            self._records.append(replace(decision, seq=self._seq))
            self._made_us[self._seq] = self._steady.read().steady_of(decision.at_us)

    def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` decisions made before ``before_us`` and say how many."""
        old = {
            decision.seq
            for decision in [record for record in self._records if self._made_us[record.seq] < before_us][:limit]
        }
        self._made_us = {seq: at_us for seq, at_us in self._made_us.items() if seq not in old}
        self._records = [record for record in self._records if record.seq not in old]
        return len(old)


def _fits(record: DecisionRecord, query: DecisionQuery) -> bool:
    return (
        record.outcome != "sent"
        and query.topic_uid in (None, record.topic_uid)
        and query.rule in (None, record.rule)
        and query.destination in (None, record.destination)
        and query.key in (None, record.key)
        and query.outcome in (None, record.outcome)
        and (query.by is None or query.by in (record.by, record.by.partition(":")[0]))
        and (query.before_seq is None or record.seq < query.before_seq)
    )
