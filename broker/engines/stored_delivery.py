"""A delivery as engines store it, with what they know beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from broker.engines.texts import pairs_from_bytes, pairs_to_bytes
from broker.model import Delivery, NewDelivery
from broker.steady import Reading


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery as stored: ``delivery.leased`` says that a lease was given, which may have ended since.

    Its times are told by a wall clock that is ``offset_us`` ahead of steady time.
    """

    delivery: Delivery
    lease: int
    head: bool
    place: int
    offset_us: int

    @property
    def token(self) -> str:
        """What the holder of the present lease was given."""
        return f"{self.delivery.seq}.{self.lease}"

    def is_leased(self, now_us: int) -> bool:
        """Whether a courier holds it now."""
        return self.delivery.leased and self.delivery.due_us > now_us

    def is_free(self, now_us: int) -> bool:
        """Whether it waits and nobody holds it."""
        return self.delivery.state == "waiting" and not self.is_leased(now_us)

    def view_at(self, now_us: int) -> Delivery:
        """The delivery as a reader sees it at ``now_us``."""
        leased = self.is_leased(now_us)
        lost = self.delivery.leased and not leased
        return replace(self.delivery, leased=leased, unclear=self.delivery.unclear or lost)

    def end_lease_untried(self, now_us: int) -> Delivery:
        """The delivery after its lease ended without a try: due at once."""
        return replace(self.delivery, due_us=now_us, leased=False)

    def retell_at(self, now: Reading) -> StoredDelivery:
        """The same, its times told as the wall clock stands at another look."""
        by_us = now.offset_us - self.offset_us
        if not by_us:
            return self
        first_us = self.delivery.first_tried_us
        delivery = replace(
            self.delivery, due_us=self.delivery.due_us + by_us, first_tried_us=first_us + by_us if first_us else 0
        )
        return replace(self, delivery=delivery, offset_us=now.offset_us)


def row_of(columns: Sequence[Any], now: Reading) -> StoredDelivery:
    """A row of ``whole_deliveries`` as a record."""
    new = NewDelivery(*(*columns[:17], pairs_from_bytes(columns[17]), *columns[18:21], bool(columns[21])))
    seq, state, due_us, *tried = columns[22:29]
    first_tried_us, unclear = now.wall_of(columns[31]), bool(columns[32])
    state_values = (seq, state, due_us + now.offset_us, *tried, bool(columns[29]), columns[30], first_tried_us, unclear)
    return StoredDelivery(Delivery(new, *state_values), columns[33], bool(columns[34]), columns[35], now.offset_us)


def view_row(columns: Sequence[Any], now: Reading) -> Delivery:
    """A row of ``whole_deliveries`` as a reader sees it now."""
    return row_of(columns, now).view_at(now.wall_us)


def columns_of_decided(new: NewDelivery) -> tuple[Any, ...]:
    """What was decided, as it is stored behind the delivery's number."""
    return (
        new.id,
        *new.unique_key,
        new.parts,
        new.phase,
        new.key,
        new.incident,
        new.stands_for,
        new.topic_uid,
        new.offset,
        new.version,
        pairs_to_bytes(new.places),
        new.severity,
        new.due_us,
        new.created_us,
        new.post,
    )
