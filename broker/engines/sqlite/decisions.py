"""The Decisions on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from broker.engines.decision_rows import columns_of_decision
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.slices import delete_in_slices
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.model import DecisionRecord
from broker.steady import Reading, SteadyTime

_SQL = load("decisions")


class SqliteDecisions:
    """See broker.store.Decisions."""

    def __init__(self, steady: SteadyTime, writer: Writes, readers: Readers) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers

    async def list_for_message(self, topic_uid: str, offset: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        return await self._readers.read_on_thread(lambda db: _records(db, "of", topic_uid, offset))

    async def list_after(self, seq: int, limit: int) -> Sequence[DecisionRecord]:
        """See Decisions."""
        return await self._readers.read_on_thread(lambda db: _records(db, "since", seq, limit))

    async def sweep(self, before_us: int, limit: int) -> int:
        """Remove up to ``limit`` decisions made before ``before_us`` and say how many."""
        before_us = self._steady.read().steady_of(before_us)

        def remove(wanted: int, transaction: Transaction) -> int:
            return transaction.db.execute(_SQL["sweep"], (before_us, wanted)).rowcount

        return await delete_in_slices(self._writer, remove, limit)


def apply_decisions(transaction: Transaction, decisions: Sequence[DecisionRecord], now: Reading) -> None:
    """Write decisions in order, each with its number."""
    db, numbers = transaction.db, transaction.numbers
    rows = [(numbers.take_next(db, "decision"), *columns_of_decision(decision, now)) for decision in decisions]
    db.executemany(_SQL["add"], rows)


def _records(db: sqlite3.Connection, query: str, *parameters: str | int) -> Sequence[DecisionRecord]:
    return [DecisionRecord(*row) for row in db.execute(_SQL[query], parameters)]
