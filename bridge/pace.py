"""How fast one destination is written to: a token bucket that slows when told "too fast" and recovers slowly.

Pure but for its own small state; monotonic time is passed in.
"""

from __future__ import annotations

import math

from bridge.destinations.base import Delivered, Later, Outcome
from rules.words import Rate

_SLOWEST = 1 / 16
_SLOWER = 0.5
_FASTER = 1.05
_BLOCK_WITHOUT_HINT_S = 1.0


class Pace:
    """Says how many tries may begin now; ``rate`` None is no limit of ours, only the service's."""

    def __init__(self, rate: Rate | None, burst: int, now: float) -> None:
        self._per_s = rate.count / rate.per_s if rate else math.inf
        self._burst = float(burst)
        self._tokens = self._burst
        self._at = now
        self._factor = 1.0
        self._blocked_until = -math.inf

    @property
    def factor(self) -> float:
        """The share of the configured rate in use: 1 unless the service said "too fast" lately."""
        return self._factor

    def room(self, now: float) -> int | None:
        """How many tries may begin now: None is any number."""
        if now < self._blocked_until:
            return 0
        if math.isinf(self._per_s):
            return None
        self._refill(now)
        return int(self._tokens + 1e-9)

    def opens_in_s(self, now: float) -> float | None:
        """Seconds until a try may begin; None when one may begin now."""
        blocked_s = max(0.0, self._blocked_until - now)
        if math.isinf(self._per_s):
            return blocked_s or None
        self._refill(now)
        lacking_s = max(0.0, (1.0 - self._tokens) / (self._per_s * self._factor))
        return max(blocked_s, lacking_s) or None

    def begin(self, now: float) -> None:
        """A try begins."""
        if not math.isinf(self._per_s):
            self._refill(now)
            self._tokens -= 1.0

    def learn(self, outcome: Outcome, now: float) -> None:
        """Take what the service said of its limits into account."""
        if isinstance(outcome, Later) and outcome.throttled:
            self._factor = max(_SLOWEST, self._factor * _SLOWER)
            pause_s = _BLOCK_WITHOUT_HINT_S if outcome.after_s is None else outcome.after_s
            self._blocked_until = max(self._blocked_until, now + pause_s)
        elif isinstance(outcome, Delivered):
            self._factor = min(1.0, self._factor * _FASTER)
        if outcome.pace is not None and outcome.pace.remaining == 0:
            self._blocked_until = max(self._blocked_until, now + outcome.pace.reset_s)

    def _refill(self, now: float) -> None:
        gained = (now - self._at) * self._per_s * self._factor
        self._tokens = min(self._burst, self._tokens + max(0.0, gained))
        self._at = max(self._at, now)
