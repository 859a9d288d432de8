"""What happened lately, kept in memory for whoever looks: each destination's last tries, and when rules acted.

It begins anew at every start; what must last stands in the store. On several nodes each knows its own part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import structlog

from bridge.delivery.attempts import AttemptResult
from bridge.destinations.base import Delivered, Later, Refused
from bridge.routing.router import Routed
from broker.clock import Clock

_LOG_EVERY_S: Final = 60.0

log = structlog.get_logger("rules")


@dataclass(frozen=True, slots=True)
class LastTries:
    """How a destination answered lately: when it took a delivery last, and its last trouble if that came later."""

    delivered_us: int = 0
    trouble_us: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class LastFailure:
    """When a template of a rule failed last, and why."""

    at_us: int
    reason: str


class RecentActivity:
    """Takes note of tries and of decided batches, and logs failing templates: one line for each rule and minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: dict[str, LastTries] = {}
        self._rules: dict[str, int] = {}
        self._failures: dict[str, LastFailure] = {}
        self._logged: dict[str, float] = {}

    @property
    def rules(self) -> Mapping[str, int]:
        """When each rule last took an event, in microseconds."""
        return MappingProxyType(self._rules)

    @property
    def failures(self) -> Mapping[str, LastFailure]:
        """The rules of which a template failed since the start, and how the last time."""
        return MappingProxyType(self._failures)

    def tries_of(self, destination: str) -> LastTries:
        """How a destination answered lately; nothing but zeros when it was not tried since the start."""
        return self._tries.get(destination, LastTries())

    def note_attempt(self, tried: AttemptResult) -> None:
        """Note a try that a courier settled."""
        now_us = self._clock.wall_us()
        match tried.outcome:
            case Delivered():
                self._tries[tried.destination] = LastTries(delivered_us=now_us)
            case Later(reason=reason) | Refused(reason=reason):
                before = self.tries_of(tried.destination)
                self._tries[tried.destination] = LastTries(before.delivered_us, now_us, reason)

    def note_batch(self, batch: Routed) -> None:
        """Note a batch that a router committed."""
        if batch.rules:
            self._rules |= dict.fromkeys(batch.rules, self._clock.wall_us())
        for rule, reason in batch.failures.items():
            self._failures[rule] = LastFailure(self._clock.wall_us(), reason)
            now = self._clock.monotonic()
            if now - self._logged.get(rule, -_LOG_EVERY_S) >= _LOG_EVERY_S:
                self._logged[rule] = now
                log.warning("a template failed", rule=rule, topic=batch.topic, reason=reason)
