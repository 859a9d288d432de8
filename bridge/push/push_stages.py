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
    "its owner proves the endpoint",
    "a push succeeds",
    "a push fails",
    "is taken off",
]
PUSH_STEPS: Final[Mapping[tuple[PushStage, PushStep], PushStage]] = {
    ("pull", "is given an endpoint"): "unverified",
    ("pull", "is given a Mattermost hook"): "active",
    ("unverified", "is given an endpoint"): "unverified",
    ("unverified", "is given a Mattermost hook"): "active",
    ("unverified", "its owner proves the endpoint"): "active",
    ("unverified", "is taken off"): "pull",
    ("active", "is given an endpoint"): "unverified",
    ("active", "is given a Mattermost hook"): "active",
    ("active", "a push succeeds"): "active",
    ("active", "a push fails"): "failing",
    ("active", "is taken off"): "pull",
    ("failing", "is given an endpoint"): "unverified",
    ("failing", "is given a Mattermost hook"): "failing",
    ("failing", "a push succeeds"): "active",
    ("failing", "a push fails"): "failing",
    ("failing", "is taken off"): "pull",
}
"""What each step makes of a subscription. Giving it the endpoint that it has changes nothing."""


def push_stage(push: PushConfig, trouble: PushTrouble | None) -> PushStage:
    """The stage of a subscription with this configuration, whose pushes have this trouble, or none."""
    if not push.type:
        return "pull"
    if not push.verified:
        return "unverified"
    return "active" if trouble is None else "failing"
