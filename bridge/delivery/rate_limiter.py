"""How fast one destination is written to: a token bucket that slows when told "too fast" and recovers slowly.

A destination without a rate of ours gets one while it says "too fast": what it was written to with of late. Pure but
for its own small state; monotonic time is passed in.
"""

from __future__ import annotations

import math

from bridge.destinations.base import Delivered, Later, Outcome
from rules.source.words import Rate

_SLOWEST = 1 / 16
_SLOWER = 0.5
_FASTER = 1.05
_BLOCK_WITHOUT_HINT_S = 1.0
_LONGEST_BLOCK_S = 600.0
_MEASURED_OVER_S = 1.0
_LEAST_LEARNT_PER_S = 1.0  # a destination without a rate of ours is never slower than this
_ROUNDING = 1e-6  # clocks count whole microseconds, so a token may come a little late


class RateLimiter:
    """Says how many tries may begin now; ``rate`` None is no limit of ours, only the service's.

    However long the service asks us to wait, it is not longer than ``longest_block_s``.
    """

    def __init__(self, rate: Rate | None, burst: int, now: float, *, longest_block_s: float = _LONGEST_BLOCK_S) -> None:
        self._asked_per_s = rate.count / rate.per_s if rate else math.inf
        self._per_s = self._asked_per_s
        self._burst = float(burst)
        self._longest_block_s = longest_block_s
        self._tokens = self._burst
        self._at = now
        self._factor = 1.0
        self._blocked_until = -math.inf
        self._began = 0
        self._measured_from = now
        self._measured_per_s = 0.0

    @property
    def factor(self) -> float:
        """The share of the configured rate in use: 1 unless the service said "too fast" lately."""
        return self._factor

    def is_blocked(self, now: float) -> bool:
        """Whether the service said when to come back, and that is not yet."""
        return now < self._blocked_until

    def room(self, now: float) -> int | None:
        """How many tries may begin now: None is any number."""
        if self.is_blocked(now):
            return 0
        if math.isinf(self._per_s):
            return None
        self._refill(now)
        return max(0, int(self._tokens + _ROUNDING))

    def opens_in_s(self, now: float) -> float | None:
        """Seconds until a try may begin; None when one may begin now."""
        blocked_s = max(0.0, self._blocked_until - now)
        if math.isinf(self._per_s):
            return blocked_s or None
        self._refill(now)
        lacking = 1.0 - self._tokens
        lacking_s = lacking / (self._per_s * self._factor) if lacking > _ROUNDING else 0.0
        return max(blocked_s, lacking_s) or None

    def begin(self, now: float) -> None:
        """A try begins."""
        self._measure(now)
        self._began += 1
        if not math.isinf(self._per_s):
            self._refill(now)
            self._tokens -= 1.0

    def learn(self, outcome: Outcome, now: float) -> None:
        """Take what the service said of its limits into account."""
        if isinstance(outcome, Later) and outcome.throttled:
            if now >= self._blocked_until:  # else it was under way when we were told
                self._slow_down(now)
            self._block(_BLOCK_WITHOUT_HINT_S if outcome.after_s is None else outcome.after_s, now)
        elif isinstance(outcome, Delivered):
            self._recover()
        if outcome.pace is not None and outcome.pace.remaining == 0:
            self._block(outcome.pace.reset_s, now)

    def _slow_down(self, now: float) -> None:
        self._refill(now)
        if math.isinf(self._per_s):
            self._measure(now)
            measured_per_s = max(self._measured_per_s, self._began / _MEASURED_OVER_S)
            self._per_s = max(_LEAST_LEARNT_PER_S / _SLOWEST, measured_per_s)
        self._factor = max(_SLOWEST, self._factor * _SLOWER)
        self._tokens = min(self._tokens, 1.0)

    def _recover(self) -> None:
        self._factor = min(1.0, self._factor * _FASTER)
        if self._factor == 1.0:
            self._per_s = self._asked_per_s

    def _block(self, pause_s: float, now: float) -> None:
        if math.isnan(pause_s):
            pause_s = _BLOCK_WITHOUT_HINT_S
        self._blocked_until = max(self._blocked_until, now + min(pause_s, self._longest_block_s))

    def _refill(self, now: float) -> None:
        """Add what time gave. A slowed pace has a smaller burst too, or all that waited would go at once."""
        elapsed_s = max(0.0, now - self._at)
        self._at += elapsed_s
        if not math.isinf(self._per_s):
            most = max(1.0, self._burst * self._factor)
            self._tokens = min(most, self._tokens + elapsed_s * self._per_s * self._factor)

    def _measure(self, now: float) -> None:
        """Keep count of how fast we are, for a destination that has no rate of its own yet."""
        elapsed_s = now - self._measured_from
        if elapsed_s >= _MEASURED_OVER_S:
            self._measured_per_s = self._began / elapsed_s
            self._began, self._measured_from = 0, now
