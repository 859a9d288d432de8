"""Rate limiting as Mattermost does it: the generic cell rate algorithm (GCRA), one cell a request.

A burst of ``burst + 1`` requests passes at once; then one each ``1 / per_s`` seconds. Every answer tells the state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bridge.fakes.exchange import Headers, Reply
from bridge.fakes.mattermost.settings import RateLimit


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one request passes; ``retry_after_s`` only when it does not."""

    limit: int
    remaining: int
    reset_after_s: float
    retry_after_s: float | None

    @property
    def headers(self) -> Headers:
        """The headers on the answer, in whole seconds rounded up."""
        pairs = [
            (b"x-ratelimit-limit", self.limit),
            (b"x-ratelimit-remaining", self.remaining),
            (b"x-ratelimit-reset", math.ceil(self.reset_after_s)),
        ]
        if self.retry_after_s is not None:
            pairs.append((b"retry-after", math.ceil(self.retry_after_s)))
        return tuple((name, str(value).encode()) for name, value in pairs)


class RateLimiter:
    """Remembers, for each key, the time at which its requests would all have been spread out."""

    def __init__(self) -> None:
        self._due_s: dict[str, float] = {}

    def ask(self, key: str, limit: RateLimit, now_s: float) -> Verdict:
        """Whether one more request of ``key`` may pass at ``now_s``. If so it is counted."""
        interval_s = 1.0 / limit.per_s
        tolerance_s = interval_s * (limit.burst + 1)
        due_s = max(self._due_s.get(key, now_s), now_s)
        early_s = due_s + interval_s - tolerance_s - now_s
        passes = early_s <= 1e-9
        if passes:
            due_s += interval_s
            self._due_s[key] = due_s
        ahead_s = due_s - now_s
        remaining = max(0, int((tolerance_s - ahead_s) / interval_s + 1e-9))
        return Verdict(limit.burst + 1, remaining, ahead_s, None if passes else early_s)


def refuse_excess(verdict: Verdict) -> Reply:
    """The answer to a request that does not pass: plain text, not the JSON of other errors."""
    plain = ((b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff"))
    return Reply(429, b"limit exceeded\n", (*plain, *verdict.headers))
