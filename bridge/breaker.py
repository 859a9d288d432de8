"""The breaker of one destination: after failures in a row, one probe at a time in place of the whole backlog.

Kept in memory on purpose: after a restart the destination deserves a fresh look. Pure but for its own small state;
time is passed in.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from bridge.destinations.base import Delivered, Later, Outcome, Refused
from bridge.destinations.config import BreakerSettings

BreakerState: TypeAlias = Literal["closed", "open"]
_LONGEST_PAUSE_FACTOR = 20


class Breaker:
    """Counts failures of the destination and says how many deliveries may be tried now."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._pause_s = settings.probe_every
        self._probe_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """``open`` while only probes go out."""
        return "closed" if self._probe_at is None else "open"

    def room(self, now: float) -> int | None:
        """How many tries may begin at monotonic time ``now``: None is any number."""
        if self._probe_at is None:
            return None
        return 0 if self._probing or now < self._probe_at else 1

    def opens_in_s(self, now: float) -> float | None:
        """Seconds until the next probe may begin; None while one is under way or the breaker is closed."""
        return None if self._probe_at is None or self._probing else max(0.0, self._probe_at - now)

    def begin(self) -> None:
        """A try begins; while open it is the probe."""
        self._probing = self._probe_at is not None

    def abandon(self) -> None:
        """The try that began was given back; nothing was learned."""
        self._probing = False

    def learn(self, outcome: Outcome, now: float) -> bool:
        """Take an outcome into account; True when that opened or closed the breaker."""
        was_open = self._probe_at is not None
        self._probing = False
        match outcome:
            case Later(throttled=True):
                return False
            case Later():
                self._failures += 1
                self._open(now, was_open=was_open, due=self._failures >= self._settings.failures)
            case Refused(destination_gone=True):
                self._failures += 1
                self._open(now, was_open=was_open, due=True)
            case Delivered() | Refused():
                self._failures = 0
                self._pause_s = self._settings.probe_every
                self._probe_at = None
        return was_open != (self._probe_at is not None)

    def _open(self, now: float, *, was_open: bool, due: bool) -> None:
        if was_open:
            self._pause_s = min(self._pause_s * 2, self._settings.probe_every * _LONGEST_PAUSE_FACTOR)
        if was_open or due:
            self._probe_at = now + self._pause_s
