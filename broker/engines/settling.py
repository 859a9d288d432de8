"""What becomes of a delivery: pure functions that every engine shares."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from broker.model import Attempt, Delivery, DeliveryState, SettleAgain, SettleDead, SettleDelivered, Settlement


def settled(delivery: Delivery, settlement: Settlement, attempt: Attempt | None, now_us: int) -> Delivery:
    """The delivery after its lease ended with ``settlement`` and ``attempt`` went on record."""
    if attempt is not None:
        delivery = replace(
            delivery,
            attempts=delivery.attempts + attempt.counted,
            tries=delivery.tries + 1,
            first_tried_us=delivery.first_tried_us or attempt.at_us,
            unclear=delivery.unclear or attempt.unclear,
        )
    match settlement:
        case SettleDelivered():
            return ended(delivery, "delivered", "", now_us)
        case SettleAgain():
            return replace(delivery, due_us=settlement.due_us, form=settlement.form, leased=False)
        case SettleDead():
            return ended(delivery, "dead", settlement.reason, now_us)
        case _:
            assert_never(settlement)


def ended(delivery: Delivery, state: DeliveryState, by: str, now_us: int) -> Delivery:
    """The delivery at its end."""
    return replace(delivery, state=state, by=by, leased=False, settled_us=now_us)


def revived(delivery: Delivery, now_us: int) -> Delivery:
    """A dead letter that waits again: late, due at once, its attempts and the time it may take counted anew."""
    return replace(
        delivery,
        new=replace(delivery.new, late=True),
        state="waiting",
        due_us=now_us,
        attempts=0,
        form="",
        by="",
        settled_us=0,
        first_tried_us=0,
    )
