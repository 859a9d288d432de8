"""What a destination is told of its canary: a marked post at an interval, which a bot has to find in the channel."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from bridge.core.model_base import SettingsRecord
from bridge.core.quantities import LastingDuration


class CanarySettings(SettingsRecord):
    """A marked post at an interval, looked for in its channel by a bot."""

    every: LastingDuration = Field(3600.0, description="How often a canary is sent")
    within: LastingDuration = Field(60.0, description="How soon it has to stand in the channel")
    read_by: str = Field(
        "",
        description="The destination of type mattermost_bot that looks for it in the channel; "
        "empty: the bot itself, where the destination is one",
    )
    tell: str = Field(description="Another destination, which is told when canaries fail and when they arrive again")

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        if self.within >= self.every:
            raise ValueError("within is shorter than every: one canary is looked for at a time")
        return self
