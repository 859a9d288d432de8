"""What becomes of a delivery: pure functions that every engine shares."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from broker.delivery_states import DeliveryStage, DeliveryStep, state_after
from broker.model import Attempt, Delivery, SettleAgain, SettleDead, SettleDelivered, Settlement


def apply_settlement(delivery: Delivery, settlement: Settlement, attempt: Attempt | None, now_us: int) -> Delivery:
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
            return _at_end(delivery, "leased", "arrived", "", now_us)
        case SettleAgain():
            state = state_after("leased", "to be tried again")
            return replace(delivery, state=state, due_us=settlement.due_us, form=settlement.form, leased=False)
        case SettleDead():
            return _at_end(delivery, "leased", "given up", settlement.reason, now_us)
        case _:
            assert_never(settlement)


def end_delivery(delivery: Delivery, step: DeliveryStep, by: str, now_us: int) -> Delivery:
    """The delivery after a step that ends it without a try. Raises NoSuchStep for a step its state does not know."""
    return _at_end(delivery, delivery.state, step, by, now_us)


def revive_delivery(delivery: Delivery, now_us: int) -> Delivery:
    """A dead letter that waits again: late, due at once, its attempts and the time it may take counted anew."""
    return replace(
        delivery,
        new=replace(delivery.new, late=True),
        state=state_after(delivery.state, "replayed"),
        due_us=now_us,
        attempts=0,
        form="",
        by="",
        settled_us=0,
        first_tried_us=0,
    )


def _at_end(delivery: Delivery, stage: DeliveryStage, step: DeliveryStep, by: str, now_us: int) -> Delivery:
    return replace(delivery, state=state_after(stage, step), by=by, leased=False, settled_us=now_us)
