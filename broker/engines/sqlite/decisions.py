"""The Decisions on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from broker.clock import US_PER_S
from broker.engines.decision_rows import columns_of_decision
from broker.engines.finding import parameters_of_decisions
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.slices import delete_in_slices
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.model import Commit, DecisionQuery, DecisionRecord, NewDelivery
from broker.steady import Reading, SteadyTime

_SQL = load("decisions")
_ABOUT_AT_ONCE_US: Final = 60 * US_PER_S
"""Decisions are numbered as they are written: one made earlier may be behind one made later, by much less than this."""
_NEVER_US: Final = 2**62


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

    async def find_quiet(self, query: DecisionQuery) -> Sequence[DecisionRecord]:
        """See Decisions. What is old is found by its number: an index of times would change with every message."""
        now = self._steady.read()
        since_us = now.steady_of(query.since_us or 0)
        until_us = _NEVER_US if query.until_us is None else now.steady_of(query.until_us)
        wanted = parameters_of_decisions(query) | {"since_us": since_us, "until_us": until_us}

        def read(db: sqlite3.Connection) -> Sequence[DecisionRecord]:
            wanted["first"] = _number_at(db, since_us - _ABOUT_AT_ONCE_US) if since_us else 0
            behind = _number_at(db, until_us + _ABOUT_AT_ONCE_US) if query.until_us is not None else _NEVER_US
            wanted["behind"] = min(behind, wanted["before_seq"])
            return [DecisionRecord(*row) for row in db.execute(_SQL["quiet"], wanted)]

        return await self._readers.read_on_thread(read)

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


def _number_at(db: sqlite3.Connection, steady_us: int) -> int:
    """From which number on decisions were made at a time or later; halved again and again, as they are in order."""
    first, last = (db.execute(_SQL[name]).fetchone()[0] for name in ("first_number", "last_number"))
    low, high = first or 0, (last or 0) + 1
    while low < high:
        middle = (low + high) // 2
        seq, at_us = db.execute(_SQL["probe"], (middle,)).fetchone() or (high, steady_us)
        if at_us >= steady_us:
            high = middle
        else:
            low = seq + 1
    return low
