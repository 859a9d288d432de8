"""What the books of deliveries keep apart, and what not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from broker.model import Balance, Delivery, DeliveryState

GAVE_UP: Final = "gave up"
"""``by`` of a dead letter that comes in through ``Commit.dead``."""


def book_entry_of(delivery: Delivery) -> tuple[str, str, DeliveryState, str]:
    """The entry of the books a delivery counts in: topic, destination, state and ``by``.

    Folded and cancelled ones count together whatever digest ended them: every digest is another, and the books must
    stay small.
    """
    by = "" if delivery.state in ("folded", "cancelled") else delivery.by
    return delivery.new.topic_uid, delivery.new.destination, delivery.state, by


def balances_of(deliveries: Iterable[Delivery]) -> Sequence[Balance]:
    """The books over just these deliveries."""
    books: dict[tuple[str, str, DeliveryState, str], tuple[int, int]] = {}
    for delivery in deliveries:
        count, stands_for = books.get(book_entry_of(delivery), (0, 0))
        books[book_entry_of(delivery)] = count + 1, stands_for + delivery.new.stands_for
    return [Balance(*key, *counts) for key, counts in sorted(books.items())]
