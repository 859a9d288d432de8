"""What a commit leases: what it brings itself, each alone in its line, or else whatever is due then.

The result is that of a commit and a lease behind it. What is known to be leased before it is written stands in no index
of lines, though (lone_deliveries.py), and is not read back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.clock import us
from broker.engines.sqlite.leasing import find_due_heads, lease
from broker.engines.sqlite.lone_deliveries import FIRST_LEASE
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.transaction import Transaction
from broker.model import Commit, Delivery, Leased, LeaseRequest, NewDelivery
from broker.steady import Reading

_SQL = load("outbox")


@dataclass(frozen=True, slots=True)
class _Grant:
    """A delivery that is leased as it comes in, until a steady time; ``earlier`` is the last receipt of its line."""

    new: NewDelivery
    until_us: int
    earlier: str | None


class CommitLeases:
    """The leases of one commit. Made before its deliveries are added; ``grant`` comes behind all of it."""

    def __init__(self, transaction: Transaction, commit: Commit, now: Reading) -> None:
        self._transaction = transaction
        self._commit = commit
        self._now = now
        self._granted: dict[str, _Grant] = {}
        self._requests = [(request, self._choose(request)) for request in commit.leases]

    @property
    def lone(self) -> Mapping[str, int]:
        """The deliveries that come in leased, by their ids, with the ends of their leases."""
        return {delivery_id: grant.until_us for delivery_id, grant in self._granted.items()}

    def grant(self, numbers: Mapping[str, int]) -> list[list[Leased]]:
        """What each request is granted; ``numbers`` are those of the lone ones, by their ids."""
        return [self._grant(request, chosen, numbers) for request, chosen in self._requests]

    def _choose(self, request: LeaseRequest) -> list[NewDelivery]:
        """The deliveries that come in leased for a request, in the order in which they would be leased.

        None where others were due before them, or the commit brings several of one line or frees some: then a lease
        behind it finds out which go first. Where some are given here, nothing else of that destination is due.
        """
        db, now, home = self._transaction.db, self._now, request.destination
        self._transaction.lone.lay_down_expired(db, home, now.steady_us)
        brought = Counter(new.order_key for new in self._commit.deliveries if new.destination == home)
        if not brought or max(brought.values()) > 1 or self._commit.withdraw:
            return []
        if next(find_due_heads(db, replace(request, limit=1), now.steady_us), None) is not None:
            return []
        due = [new for new in self._commit.deliveries if new.destination == home and new.due_us <= now.wall_us]
        chosen: list[NewDelivery] = []
        for new in sorted(due, key=lambda new: (-new.priority, new.due_us)):
            if len(chosen) < request.limit and new.id not in self._granted and self._is_first(request, new):
                chosen.append(new)
        return chosen

    def _is_first(self, request: LeaseRequest, new: NewDelivery) -> bool:
        """Whether nothing stands in the line of a delivery; then it is granted."""
        transaction, line = self._transaction, (new.destination, new.order_key)
        if transaction.lone.is_in(transaction.db, line):
            return False
        is_empty, earlier = transaction.db.execute(_SQL["look_at_line"], line).fetchone()
        if is_empty:
            self._granted[new.id] = _Grant(new, self._now.steady_us + us(request.lease_s), earlier)
        return bool(is_empty)

    def _grant(self, request: LeaseRequest, chosen: Sequence[NewDelivery], numbers: Mapping[str, int]) -> list[Leased]:
        if chosen:
            return [self._lease_of(self._granted[new.id], numbers[new.id]) for new in chosen]
        return lease(self._transaction, request, self._now)

    def _lease_of(self, grant: _Grant, seq: int) -> Leased:
        now = self._now
        delivery = Delivery(grant.new, seq, "waiting", grant.until_us + now.offset_us, leased=True)
        return Leased(delivery, f"{seq}.{FIRST_LEASE}", grant.earlier, now.moment)
