"""The stages of a push subscription, as a table: what turns pushing on, stops it, and makes it fail.

A message that keeps failing becomes a dead letter after a while, where the settings say so: pushing goes on behind it.
The picture in docs/architecture.md is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from bridge.core.push_trouble import PushTrouble
from broker.records import PushConfig

PushStage: TypeAlias = Literal["pull", "unverified", "active", "failing"]
PushStep: TypeAlias = Literal[
    "is given an endpoint",
    "is given a Mattermost hook",
    "the settings vouch for its endpoint",
    "its owner proves the endpoint",
    "a push succeeds",
    "a push fails",
    "is taken off",
]
PUSH_STEPS: Final[Mapping[tuple[PushStage, PushStep], PushStage]] = {
    ("pull", "is given an endpoint"): "unverified",
    ("pull", "is given a Mattermost hook"): "active",
    ("pull", "the settings vouch for its endpoint"): "active",
    ("unverified", "is given an endpoint"): "unverified",
    ("unverified", "is given a Mattermost hook"): "active",
    ("unverified", "the settings vouch for its endpoint"): "active",
    ("unverified", "its owner proves the endpoint"): "active",
    ("unverified", "is taken off"): "pull",
    ("active", "is given an endpoint"): "unverified",
    ("active", "is given a Mattermost hook"): "active",
    ("active", "the settings vouch for its endpoint"): "active",
    ("active", "a push succeeds"): "active",
    ("active", "a push fails"): "failing",
    ("active", "is taken off"): "pull",
    ("failing", "is given an endpoint"): "unverified",
    ("failing", "is given a Mattermost hook"): "failing",
    ("failing", "the settings vouch for its endpoint"): "failing",
    ("failing", "a push succeeds"): "active",
    ("failing", "a push fails"): "failing",
    ("failing", "is taken off"): "pull",
}
"""What each step makes of a subscription; a pair that is not here cannot happen. Its own endpoint again is no step."""


class NoSuchPushStep(ValueError):
    """A subscription was to take a step that its stage does not know: a fault of the program."""

    def __init__(self, stage: PushStage, step: PushStep) -> None:
        self.stage = stage
        self.step = step
        super().__init__(f'a push subscription at the stage "{stage}" knows no "{step}"')


def push_stage(push: PushConfig, trouble: PushTrouble | None) -> PushStage:
    """The stage of a subscription with this configuration, whose pushes have this trouble, or none."""
    if not push.type:
        return "pull"
    if not push.verified:
        return "unverified"
    return "active" if trouble is None else "failing"


def push_stage_after(stage: PushStage, step: PushStep) -> PushStage:
    """The stage after a step; raises NoSuchPushStep."""
    after = PUSH_STEPS.get((stage, step))
    if after is None:
        raise NoSuchPushStep(stage, step)
    return after


def may_push(push: PushConfig) -> bool:
    """Whether a subscription with this configuration is pushed: its pushes succeed or fail."""
    return (push_stage(push, None), "a push succeeds") in PUSH_STEPS
