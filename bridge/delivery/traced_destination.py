"""A destination of which traces tell: ``lease``, what a delivery waited, ``attempt``, its try, and ``settle``.

It stands around a destination that does the work, and only where traces are told. What the try asks of others bears the
header ``traceparent`` with the step ``attempt``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, assert_never

from bridge.core.tracing import CURRENT, SpanFacts, TraceContext, Tracer
from bridge.delivery.attempts import AttemptResult
from bridge.destinations.base import Delivered, Destination, Later, Outcome, Parcel, Preview, Refused
from broker.clock import Clock
from broker.model import SettleAgain, SettleDead, SettleDelivered, Settlement
from rules.model import DestinationFacts

_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Tried:
    """The step that decided a delivery which was tried, and when that ended."""

    decided: TraceContext
    ended_us: int


class DeliveryTraces:
    """What is known of tries until they are settled, and who is told of them."""

    def __init__(self, tracer: Tracer, clock: Clock) -> None:
        self.tracer = tracer
        self.clock = clock
        self._tried: OrderedDict[str, _Tried] = OrderedDict()

    def wrap(self, name: str, destination: Destination) -> Destination:
        """The destination, with the tries that are part of a trace told of."""
        return TracedDestination(name, destination, self)

    def note_tried(self, delivery_id: str, decided: TraceContext) -> None:
        """A try ended; what a stop cuts off is never settled here, so only the last are kept."""
        self._tried[delivery_id] = _Tried(decided, self.clock.wall_us())
        if len(self._tried) > _REMEMBERED:
            self._tried.popitem(last=False)

    def tell_settled(self, result: AttemptResult) -> None:
        """A try is settled."""
        tried = self._tried.pop(result.delivery.id, None)
        if tried is not None:
            facts = {"ams_bridge.delivery": result.delivery.id, "ams_bridge.state": _state_of(result.settlement)}
            self.tracer.begin("settle", tried.decided, tried.ended_us, facts=facts).end(self.clock.wall_us())


class TracedDestination:
    """See the module."""

    def __init__(self, name: str, destination: Destination, traces: DeliveryTraces) -> None:
        self._name = name
        self._destination = destination
        self._traces = traces

    @property
    def facts(self) -> DestinationFacts:
        """See Destination."""
        return self._destination.facts

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        decided = parcel.trace
        if decided is None:
            CURRENT.set(None)  # the try before it in its line may have begun this one
            return await self._destination.deliver(parcel)
        tracer, clock, facts = self._traces.tracer, self._traces.clock, self._facts_of(parcel)
        began_us = clock.wall_us()
        waits_since_us = parcel.created_us if parcel.attempt == 1 else parcel.leased_us
        tracer.begin("lease", decided, waits_since_us or began_us, facts=facts).end(began_us)
        attempt = tracer.begin("attempt", decided, began_us, "client", facts)
        CURRENT.set(attempt.context)
        fault = "cut off"
        try:
            outcome = await self._destination.deliver(parcel)
            fault = _fault_of(outcome)
        finally:
            CURRENT.set(None)
            attempt.end(clock.wall_us(), fault)
            self._traces.note_tried(parcel.id, decided)
        return outcome

    async def probe(self) -> Outcome:
        """See Destination."""
        return await self._destination.probe()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        return self._destination.preview(parcel)

    async def close(self) -> None:
        """See Destination."""
        await self._destination.close()

    def _facts_of(self, parcel: Parcel) -> SpanFacts:
        return {
            "ams_bridge.destination": self._name,
            "ams_bridge.delivery": parcel.id,
            "ams_bridge.rule": parcel.rule,
            "ams_bridge.attempt": parcel.attempt,
        }


def _state_of(settlement: Settlement) -> str:
    match settlement:
        case SettleDelivered():
            return "delivered"
        case SettleAgain():
            return "waiting"
        case SettleDead():
            return "dead"
        case _:
            assert_never(settlement)


def _fault_of(outcome: Outcome) -> str:
    """Why a try did not arrive; "" when it did."""
    match outcome:
        case Delivered():
            return ""
        case Later(reason=reason) | Refused(reason=reason):
            return reason
        case _:
            assert_never(outcome)
