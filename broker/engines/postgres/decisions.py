"""The Decisions on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from broker.engines.decision_rows import columns_of_decision
from broker.engines.finding import parameters_of_decisions
from broker.engines.postgres.connections import ReadConnections
from broker.engines.postgres.queries import load
from broker.engines.postgres.slices import delete_in_slices
from broker.engines.postgres.unit import Unit
from broker.engines.postgres.writer import GroupWrites
from broker.model import DecisionQuery, DecisionRecord
from broker.steady import Reading, SteadyTime

_SQL = load("decisions")
_NEVER_US: Final = 2**62


class PostgresDecisions:
    """See broker.store.Decisions."""

    def __init__(self, steady: SteadyTime, writer: GroupWrites, readers: ReadConnections) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers

    async def list_for_message(self, topic_uid: str, offset: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        return [DecisionRecord(*row) for row in await self._readers.rows(_SQL["of"], (topic_uid, offset))]

    async def list_after(self, seq: int, limit: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        return [DecisionRecord(*row) for row in await self._readers.rows(_SQL["since"], (seq, limit))]

    async def find_quiet(self, query: DecisionQuery) -> Sequence[DecisionRecord]:
        """See Decisions."""
        now = self._steady.read()
        times = {
            "since_us": now.steady_of(query.since_us or 0),
            "until_us": _NEVER_US if query.until_us is None else now.steady_of(query.until_us),
        }
        rows = await self._readers.rows(_SQL["quiet"], parameters_of_decisions(query) | times)
        return [DecisionRecord(*row) for row in rows]

    async def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` decisions made before ``before_us`` and say how many."""
        return await delete_in_slices(self._writer, lambda wanted: (_SQL["sweep"], (before_us, wanted)), limit)


def apply_decisions(unit: Unit, decisions: Sequence[DecisionRecord], now: Reading) -> None:
    """Write decisions in order, each with its number."""
    unit.decisions += [columns_of_decision(decision, now) for decision in decisions]
