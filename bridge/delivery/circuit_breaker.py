"""The breaker of one destination: after failures in a row, one probe at a time in place of the whole backlog.

Kept in memory on purpose: after a restart the destination deserves a fresh look. Pure but for its own small state;
time is passed in. Tries overlap, so each carries the ticket that ``begin`` gave it: only what became of the probe says
when the next one may go.
"""

from __future__ import annotations

import itertools
from typing import Literal, TypeAlias

from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import BreakerSettings

BreakerState: TypeAlias = Literal["closed", "open"]
_LONGEST_PAUSE_FACTOR = 20


class CircuitBreaker:
    """Counts failures of the destination and says how many deliveries may be tried now."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._pause_s = settings.probe_every
        self._probe_at: float | None = None
        self._probe: int | None = None
        self._tickets = itertools.count()

    @property
    def state(self) -> BreakerState:
        """``open`` while only probes go out."""
        return "closed" if self._probe_at is None else "open"

    @property
    def is_probing(self) -> bool:
        """Whether the breaker is open and its probe is under way."""
        return self._probe is not None

    def room(self, now: float) -> int | None:
        """How many tries may begin at monotonic time ``now``: None is any number."""
        if self._probe_at is None:
            return None
        return 0 if self.is_probing or now < self._probe_at else 1

    def opens_in_s(self, now: float) -> float | None:
        """Seconds until the next probe may begin; None while one is under way or the breaker is closed."""
        return None if self._probe_at is None or self.is_probing else max(0.0, self._probe_at - now)

    def begin(self) -> int:
        """A try begins; while the breaker is open it is the probe. The ticket is given back when the try ended."""
        ticket = next(self._tickets)
        if self._probe_at is not None and self._probe is None:
            self._probe = ticket
        return ticket

    def abandon(self, ticket: int) -> None:
        """The try ended and nothing was learned of the destination; the next one may be the probe in its place."""
        if ticket == self._probe:
            self._probe = None

    def learn(self, ticket: int, outcome: Outcome, now: float) -> bool:
        """Take the outcome of a try into account; True when that opened or closed the breaker."""
        was_open = self._probe_at is not None
        was_probe = was_open and ticket == self._probe
        self.abandon(ticket)
        match outcome:
            case Later(throttled=True):
                pass  # it answers; how fast it wants to be asked is the pace's business
            case Later():
                self._failures += 1
                due = outcome.misconfigured or self._failures >= self._settings.failures
                self._fail(now, was_probe=was_probe, due=due)
            case Refused(destination_gone=True):
                self._failures += 1
                self._fail(now, was_probe=was_probe, due=True)
            case Delivered() | Refused():
                self._close()
        return was_open != (self._probe_at is not None)

    def _fail(self, now: float, *, was_probe: bool, due: bool) -> None:
        """Open when due. Open already, only a failed probe is news: others were under way when the first one failed."""
        if was_probe:
            self._pause_s = min(self._pause_s * 2, self._settings.probe_every * _LONGEST_PAUSE_FACTOR)
            self._probe_at = now + self._pause_s
        elif due and self._probe_at is None:
            self._probe_at = now + self._pause_s

    def _close(self) -> None:
        self._failures = 0
        self._pause_s = self._settings.probe_every
        self._probe_at = None
        self._probe = None
