"""The states of a delivery and the steps between them, as a table: the engines move by it and refuse all other steps.

The picture in docs/architecture.md is drawn from it. Two stages have no name in ``DeliveryState``: "" is a delivery
that is not there yet, ``leased`` one that waits while a courier holds it. ``unclear`` is a mark beside these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from broker.delivery import DeliveryState

DeliveryStage: TypeAlias = DeliveryState | Literal["", "leased"]
DeliveryStep: TypeAlias = Literal[
    "decided",
    "decided in shadow",
    "given up untried",
    "leased",
    "lease ended",
    "given back",
    "to be tried again",
    "arrived",
    "given up",
    "folded",
    "cancelled",
    "silenced",
    "dropped",
    "replayed",
]

DELIVERY_STEPS: Final[Mapping[tuple[DeliveryStage, DeliveryStep], DeliveryState | Literal["leased"]]] = {
    ("", "decided"): "waiting",
    ("", "decided in shadow"): "shadow",
    ("", "given up untried"): "dead",
    ("waiting", "leased"): "leased",
    ("leased", "lease ended"): "waiting",
    ("leased", "given back"): "waiting",
    ("leased", "to be tried again"): "waiting",
    ("leased", "arrived"): "delivered",
    ("leased", "given up"): "dead",
    ("waiting", "folded"): "folded",
    ("leased", "folded"): "folded",
    ("waiting", "cancelled"): "cancelled",
    ("leased", "cancelled"): "cancelled",
    ("waiting", "silenced"): "suppressed",
    ("waiting", "dropped"): "dropped",
    ("dead", "dropped"): "dropped",
    ("dead", "replayed"): "waiting",
}
"""What each step makes of a delivery; a pair that is not here cannot happen."""


class NoSuchStep(ValueError):
    """A delivery was to take a step that its state does not know: a fault of the program."""

    def __init__(self, stage: DeliveryStage, step: DeliveryStep) -> None:
        self.stage = stage
        self.step = step
        super().__init__(f"a delivery that is {stage or 'not there'} cannot be {step}")


def state_after(stage: DeliveryStage, step: DeliveryStep) -> DeliveryState:
    """The state after a step; raises NoSuchStep. A leased delivery's state is ``waiting``."""
    after = DELIVERY_STEPS.get((stage, step))
    if after is None:
        raise NoSuchStep(stage, step)
    return "waiting" if after == "leased" else after


def can(stage: DeliveryStage, step: DeliveryStep) -> bool:
    """Whether a delivery at this stage may take the step."""
    return (stage, step) in DELIVERY_STEPS
