"""The Decisions on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from broker.engines.decision_rows import columns_of_decision
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.slices import delete_in_slices
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.model import Commit, DecisionRecord, NewDelivery
from broker.steady import Reading

_SQL = load("decisions")


class SqliteDecisions:
    """See broker.store.Decisions."""

    def __init__(self, writer: Writes, readers: Readers) -> None:
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

        def remove(wanted: int, transaction: Transaction) -> int:
            return transaction.db.execute(_SQL["sweep"], (wanted, before_us)).rowcount

        return await delete_in_slices(self._writer, remove, limit)


class NumberedDecisions:
    """The decisions of one commit with their numbers.

    ``told`` are those that a delivery of the same commit tells of, by its id: their number, and the place of the event
    in its message. Nearly all deliveries do; what they tell takes no row of its own.
    """

    def __init__(self, transaction: Transaction, commit: Commit) -> None:
        self._transaction = transaction
        numbers, db = transaction.numbers, transaction.db
        self._numbered = {numbers.take_next(db, "decision"): record for record in commit.decisions}
        self.told: Mapping[str, tuple[int, int]] = self._match(commit.deliveries) if self._numbered else {}

    def _match(self, deliveries: Sequence[NewDelivery]) -> Mapping[str, tuple[int, int]]:
        sent = {
            _place_of(record): seq
            for seq, record in self._numbered.items()
            if record.outcome == "sent" and not record.by
        }
        by_delivery: dict[str, tuple[int, int]] = {}
        for new in deliveries:
            place = (new.origin, new.rule, new.send, new.destination, new.key, new.version, new.created_us)
            seq = sent.pop(place, 0) if new.part == 0 else 0
            if seq and (new.topic_uid, new.offset) == (self._numbered[seq].topic_uid, self._numbered[seq].offset):
                by_delivery[new.id] = seq, self._numbered[seq].item
        return by_delivery

    def give_back(self) -> None:
        """Their numbers were not used after all."""
        for _ in self._numbered:
            self._transaction.numbers.give_back("decision")

    def write(self, now: Reading) -> None:
        """Write those that no delivery tells of, in their order."""
        elsewhere = {seq for seq, _ in self.told.values()}
        records = ((seq, record) for seq, record in self._numbered.items() if seq not in elsewhere)
        rows = [(seq, *columns_of_decision(record, now)) for seq, record in records]
        self._transaction.db.executemany(_SQL["add"], rows)


def _place_of(decision: DecisionRecord) -> tuple[str, str, int, str, str, str, int]:
    """What a delivery that comes of this decision has, too."""
    origin = f"m/{decision.topic_uid}/{decision.offset}/{decision.item}"
    place = (origin, decision.rule, decision.send)
    return *place, decision.destination, decision.key, decision.version, decision.at_us


def _records(db: sqlite3.Connection, query: str, *parameters: str | int) -> Sequence[DecisionRecord]:
    return [DecisionRecord(*row) for row in db.execute(_SQL[query], parameters)]
