"""Folding on SQLite: many waiting deliveries become one, and what waits is read line by line."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from broker.delivery_states import DeliveryStep
from broker.engines.folding import no_longer_waits, page_of, place_of_digest
from broker.engines.settling import end_delivery
from broker.engines.sqlite.deliveries import add, add_in_place, change, find_held
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.transaction import Transaction
from broker.engines.stored_delivery import StoredDelivery, row_of
from broker.model import Backlog, LinePlace, NewDelivery, WaitingCounts
from broker.steady import Reading

_SQL = load("outbox")


def fold(
    transaction: Transaction,
    tokens: Sequence[str],
    delivery_ids: Sequence[str],
    digest: NewDelivery,
    cancelled: Collection[str],
    now: Reading,
) -> Sequence[StoredDelivery]:
    """Settle deliveries as folded into ``digest`` or cancelled with it, and add that; what they were before."""
    db = transaction.db
    rows = {row.delivery.seq: row for row in (find_held(db, token, now) for token in tokens)}
    for delivery_id in delivery_ids:
        columns = db.execute(_SQL["by_id"], (delivery_id,)).fetchone()
        row = row_of(columns, now) if columns is not None else None
        if row is None or not (row.is_free(now.wall_us) or row.delivery.seq in rows):
            raise no_longer_waits(row.delivery.new.order_key if row else "")
        rows[row.delivery.seq] = row
    for row in rows.values():
        transaction.lone.lay_down_number(db, row.delivery.seq)
    folded = [(row.delivery, row.place) for row in rows.values()]
    place = place_of_digest(folded, digest, lambda *line: _count_waiting(db, *line))
    if place is None:
        add(transaction, [digest], [], now)
    else:
        add_in_place(transaction, digest, place, now)
    for row in rows.values():
        step: DeliveryStep = "cancelled" if row.delivery.id in cancelled else "folded"
        change(transaction, row, end_delivery(row.delivery, step, digest.id, now.wall_us))
    return list(rows.values())


def measure_waiting(db: sqlite3.Connection, destination: str, enough: int, now: Reading) -> WaitingCounts:
    """See Outbox."""
    (due,) = db.execute(_SQL["count_due"], (destination, now.steady_us, enough)).fetchone()
    oldest = db.execute(_SQL["oldest"], (destination,)).fetchone()
    return WaitingCounts(due, oldest[0] if oldest else None)


def backlog(db: sqlite3.Connection, destination: str, after: LinePlace | None, limit: int, now: Reading) -> Backlog:
    """See Outbox."""
    start = after or LinePlace("", -1)
    columns = db.execute(_SQL["backlog"], (destination, start.order_key, start.place, limit + 1))
    rows = [row_of(column, now) for column in columns]
    placed = [(row.view_at(now.wall_us), LinePlace(row.delivery.new.order_key, row.place)) for row in rows]
    receipts = {}
    for order_key in {place.order_key for _, place in placed}:
        receipt = db.execute(_SQL["receipt"], (destination, order_key)).fetchone()
        if receipt is not None:
            receipts[order_key] = receipt[0]
    return page_of(placed, after, limit, receipts)


def _count_waiting(db: sqlite3.Connection, destination: str, order_key: str, first: int, last: int) -> int:
    count: int = db.execute(_SQL["count_waiting"], (destination, order_key, first, last)).fetchone()[0]
    return count
