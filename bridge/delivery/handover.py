"""Handing deliveries over from the commit that decided them to the couriers, without a look at the store in between.

A courier knows how much room it has. So the commit leases for it what it brings, and hands it over in memory: one
transaction for both, and nothing to read. Whatever goes wrong in between, the lease in the store says that the delivery
may be on its way, as every other lease does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from broker.model import Leased, LeaseRequest


class RoomKeeper(Protocol):
    """A courier, as far as it is handed deliveries."""

    def take(self, leased: Sequence[Leased]) -> None:
        """Begin to try deliveries that were leased for it; what there is no room for after all is given back."""

    def release(self, lines: int) -> None:
        """Keep room for so many lines no longer."""


class Handover:
    """The room that couriers keep for what one commit brings. ``end`` it when the commit is answered."""

    def __init__(self, kept: Sequence[tuple[RoomKeeper, LeaseRequest]] = ()) -> None:
        self._receivers = {request.destination: receiver for receiver, request in kept}
        self.requests: Sequence[LeaseRequest] = [request for _, request in kept]
        self._has_ended = False

    def take(self, leased: Sequence[Leased]) -> None:
        """Give each courier what was leased for it; a commit calls it once it is in."""
        self.end()
        given: dict[str, list[Leased]] = {}
        for lease in leased:
            given.setdefault(lease.delivery.new.destination, []).append(lease)
        for destination, deliveries in given.items():
            self._receivers[destination].take(deliveries)

    def end(self) -> None:
        """Let the couriers have their room back. Idempotent."""
        if not self._has_ended:
            self._has_ended = True
            for request in self.requests:
                self._receivers[request.destination].release(request.limit)
