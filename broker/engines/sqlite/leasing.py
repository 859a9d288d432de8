"""Leasing deliveries inside a write transaction: which are due, and hiding them from others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Final

from broker.clock import us
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.transaction import Transaction
from broker.engines.stored_delivery import row_of
from broker.model import Leased, LeaseRequest
from broker.steady import Reading

_SQL = load("outbox")
_ABOVE_ALL: Final = 2**31


def lease(transaction: Transaction, request: LeaseRequest, now: Reading) -> list[Leased]:
    """Lease what a request asks for, line by line. See Outbox.lease."""
    db = transaction.db
    transaction.lone.lay_down_expired(db, request.destination, now.steady_us)
    followed: dict[int, bool] = {}
    for head, order_key, place in find_due_heads(db, request, now.steady_us):
        behind = db.execute(_SQL["behind"], (request.destination, order_key, place, request.run)).fetchall()
        line = [head]
        for seq, due_us in behind[: request.run - 1]:
            if due_us > now.steady_us:
                break
            line.append(seq)
        followed |= {seq: number < len(behind) for number, seq in enumerate(line)}
    return _lease(db, followed, now, us(request.lease_s)) if followed else []


def find_due_heads(db: sqlite3.Connection, request: LeaseRequest, now_us: int) -> Iterator[tuple[int, str, int]]:
    """Due heads, the highest priority first; each priority is one look at the index."""
    priority, left = _ABOVE_ALL, request.limit
    while left > 0:
        (priority,) = db.execute(_SQL["highest_priority"], (request.destination, priority)).fetchone()
        if priority is None:
            return
        heads = db.execute(_SQL["due"], (request.destination, priority, now_us, left)).fetchall()
        left -= len(heads)
        yield from heads


def _lease(db: sqlite3.Connection, followed: dict[int, bool], now: Reading, lease_us: int) -> list[Leased]:
    """Lease deliveries, in their order. In two statements: after each one, another thread may run for a while."""
    numbers = json.dumps(list(followed))
    db.execute(_SQL["lease"], (now.steady_us + lease_us, numbers))
    leased: dict[int, Leased] = {}
    for receipt, *columns in db.execute(_SQL["leased"], (numbers,)):
        row = row_of(columns, now)
        seq = row.delivery.seq
        leased[seq] = Leased(row.delivery, row.token, receipt, now.moment, followed[seq])
    return [leased[seq] for seq in followed]
