"""Leasing: due deliveries of a destination are given to one courier, inside whatever transaction asks for it."""

from __future__ import annotations

from typing import Final

from broker.clock import us
from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import ask_all, load
from broker.engines.stored_delivery import row_of
from broker.model import Leased, LeaseRequest
from broker.steady import Reading

_LEASE: Final = load("outbox")["lease"]
_LOCK_COURIER: Final = load("ownership")["lock_courier"]


async def lease_due(db: Db, request: LeaseRequest, holder: int, now: Reading) -> list[Leased]:
    """Lease what a request asks for, line by line; nothing where the courier is another node's.

    The transaction holds the lock of the destination.
    """
    wanted = {
        "destination": request.destination,
        "limit": request.limit,
        "run": request.run,
        "now": now.steady_us,
        "until": now.steady_us + us(request.lease_s),
        "holder": holder,
    }
    leased = []
    _, rows = await ask_all(db, [(_LOCK_COURIER, (request.destination,)), (_LEASE, wanted)])
    for receipt, is_followed, *columns in rows:
        row = row_of(columns, now)
        leased.append(Leased(row.delivery, row.token, receipt, now.moment, is_followed))
    return leased
