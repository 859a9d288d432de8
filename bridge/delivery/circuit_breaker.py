"""The breaker of one destination: after failures in a row, one probe at a time in place of the whole backlog.

Kept in memory on purpose: after a restart the destination deserves a fresh look. Pure but for its own small state;
time is passed in. Tries overlap, so each carries the ticket that ``begin`` gave it: only what became of the probe says
when the next one may go.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import BreakerSettings

BreakerState: TypeAlias = Literal["closed", "open"]
BreakerStage: TypeAlias = Literal["closed", "open", "probing"]
BreakerStep: TypeAlias = Literal[
    "answered",
    "failed",
    "failed too often, is gone or misconfigured",
    "probe begins",
    "probe failed",
    "probe abandoned",
]
BREAKER_STEPS: Final[Mapping[tuple[BreakerStage, BreakerStep], BreakerStage]] = {
    ("closed", "answered"): "closed",
    ("closed", "failed"): "closed",
    ("closed", "failed too often, is gone or misconfigured"): "open",
    ("open", "answered"): "closed",
    ("open", "failed"): "open",
    ("open", "failed too often, is gone or misconfigured"): "open",
    ("open", "probe begins"): "probing",
    ("probing", "answered"): "closed",
    ("probing", "failed"): "probing",
    ("probing", "failed too often, is gone or misconfigured"): "probing",
    ("probing", "probe failed"): "open",
    ("probing", "probe abandoned"): "open",
}
"""What each step makes of a breaker. While it is not closed, tries that began before may still end, the probe aside."""
_LONGEST_PAUSE_FACTOR = 20


class CircuitBreaker:
    """Counts failures of the destination and says how many deliveries may be tried now."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self.stage: BreakerStage = "closed"
        self._failures = 0
        self._pause_s = settings.probe_every
        self._probe_at = 0.0
        self._probe: int | None = None
        self._tickets = itertools.count()

    @property
    def state(self) -> BreakerState:
        """``open`` while only probes go out."""
        return "closed" if self.stage == "closed" else "open"

    @property
    def is_probing(self) -> bool:
        """Whether the breaker is open and its probe is under way."""
        return self.stage == "probing"

    def room(self, now: float) -> int | None:
        """How many tries may begin at monotonic time ``now``: None is any number."""
        if self.stage == "closed":
            return None
        return 0 if self.stage == "probing" or now < self._probe_at else 1

    def opens_in_s(self, now: float) -> float | None:
        """Seconds until the next probe may begin; None while one is under way or the breaker is closed."""
        return max(0.0, self._probe_at - now) if self.stage == "open" else None

    def begin(self) -> int:
        """A try begins; while the breaker is open it is the probe. The ticket is given back when the try ended."""
        ticket = next(self._tickets)
        if self.stage == "open":
            self._probe = ticket
            self._take("probe begins")
        return ticket

    def abandon(self, ticket: int) -> None:
        """The try ended and nothing was learned of the destination; the next one may be the probe in its place."""
        if ticket == self._probe:
            self._take("probe abandoned")

    def learn(self, ticket: int, outcome: Outcome, now: float) -> bool:
        """Take the outcome of a try into account; True when that opened or closed the breaker."""
        before = self.state
        match outcome:
            case Later(throttled=True):
                self.abandon(ticket)  # it answers; how fast it wants to be asked is the pace's business
            case Later() | Refused(destination_gone=True):
                self._failures += 1
                hopeless = isinstance(outcome, Refused) or outcome.misconfigured
                self._fail(ticket, now, due=hopeless or self._failures >= self._settings.failures)
            case Delivered() | Refused():
                self._failures = 0
                self._pause_s = self._settings.probe_every
                self._take("answered")
        return before != self.state

    def _fail(self, ticket: int, now: float, *, due: bool) -> None:
        """Open when due. Open already, only a failed probe is news: others were under way when the first one failed."""
        if ticket == self._probe:
            self._pause_s = min(self._pause_s * 2, self._settings.probe_every * _LONGEST_PAUSE_FACTOR)
            self._probe_at = now + self._pause_s
            self._take("probe failed")
        else:
            if due and self.stage == "closed":
                self._probe_at = now + self._pause_s
            self._take("failed too often, is gone or misconfigured" if due else "failed")

    def _take(self, step: BreakerStep) -> None:
        self.stage = BREAKER_STEPS[self.stage, step]
        if self.stage != "probing":
            self._probe = None
