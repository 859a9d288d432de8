"""What happened lately, kept in memory for whoever looks: each destination's last tries, and when rules acted.

It begins anew at every start; what must last stands in the store. On several nodes each knows its own part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.delivery.attempts import AttemptResult
from bridge.destinations.base import Delivered, Later, Refused
from bridge.routing.router import Routed
from broker.clock import Clock


@dataclass(frozen=True, slots=True)
class LastTries:
    """How a destination answered lately: when it took a delivery last, and its last trouble if that came later."""

    delivered_us: int = 0
    trouble_us: int = 0
    trouble: str = ""


class RecentActivity:
    """Takes note of tries and of decided batches."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: dict[str, LastTries] = {}
        self._rules: dict[str, int] = {}

    @property
    def rules(self) -> Mapping[str, int]:
        """When each rule last took an event, in microseconds."""
        return MappingProxyType(self._rules)

    def tries_of(self, destination: str) -> LastTries:
        """How a destination answered lately; nothing but zeros when it was not tried since the start."""
        return self._tries.get(destination, LastTries())

    def tried(self, tried: AttemptResult) -> None:
        """A courier settled a try."""
        now_us = self._clock.wall_us()
        match tried.outcome:
            case Delivered():
                self._tries[tried.destination] = LastTries(delivered_us=now_us)
            case Later(reason=reason) | Refused(reason=reason):
                before = self.tries_of(tried.destination)
                self._tries[tried.destination] = LastTries(before.delivered_us, now_us, reason)

    def routed(self, batch: Routed) -> None:
        """A router committed a batch."""
        if batch.rules:
            self._rules |= dict.fromkeys(batch.rules, self._clock.wall_us())
