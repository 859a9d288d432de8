"""When a push subscription tries next: linear or slowstart (ams-api.md 8.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from broker.records import PushConfig

Cycle: TypeAlias = Literal["pushed", "nothing", "failed"]
"""What a cycle came to; ``nothing`` when there was no message, which changes neither good nor bad standing."""

_START_S: Final = 1.0
_SHORTEST_S: Final = 0.3
_LONGEST_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The pause before the next cycle, and whether the last message failed."""

    pause_s: float
    linear: bool
    interval_s: float
    failing: bool = False

    def follow_cycle(self, cycle: Cycle) -> Rhythm:
        """The rhythm once a cycle is over."""
        if self.linear:
            return replace(self, pause_s=self.interval_s, failing=self._fails(cycle))
        if self._fails(cycle):
            interval_s = min(self.interval_s * 2, _LONGEST_S)
        elif self.failing:
            interval_s = _START_S
        else:
            interval_s = max(self.interval_s / 2, _SHORTEST_S)
        return Rhythm(interval_s, linear=False, interval_s=interval_s, failing=self._fails(cycle))

    def _fails(self, cycle: Cycle) -> bool:
        return cycle == "failed" or (self.failing and cycle == "nothing")


def begin(push: PushConfig) -> Rhythm:
    """The rhythm of a subscription that begins to push: linear at once, slowstart after a second."""
    if push.retry_type == "slowstart":
        return Rhythm(_START_S, linear=False, interval_s=_START_S)
    return Rhythm(0.0, linear=True, interval_s=push.retry_period_ms / 1000)
