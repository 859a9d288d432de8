"""Where replayed dead letters of the inbound side go: to the topic that refused them, as the messages they are.

It is no kind of the settings: the daemon keeps one, so that ``deliveries replay`` works for them as for all others. The
delivery's id is the producer key, so a message stands in its topic once.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview, Refused
from bridge.destinations.config import WHOLE_TRY_MARGIN_S, DestinationConfig
from bridge.destinations.topic import TopicPublisher
from broker.clock import Clock
from broker.errors import NotFound, NotOwner, OutcomeUnknown, Rejected, StoreError, TopicGone
from broker.model import NewMessage
from rules.model import DestinationFacts


class InboundConfig(DestinationConfig):
    """How the daemon's own publisher of replayed messages goes about it."""

    type: Literal["inbound"] = "inbound"


class _Kept(msgspec.Struct, frozen=True):
    """The body of such a dead letter (sources/set_aside.py)."""

    topic: str
    data: str
    attributes: dict[str, str]


class Inbound:
    """Publishes a refused message to its topic once more."""

    def __init__(self, name: str, config: InboundConfig, topics: TopicPublisher, clock: Clock) -> None:
        self._config = config
        self._topics = topics
        self._clock = clock
        self.facts = DestinationFacts(name=name, kind="inbound", takes_body=True)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        try:
            kept = msgspec.convert(parcel.post.body, _Kept)
        except msgspec.ValidationError as error:
            return Refused(f"this is no message that was put aside: {error}")
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                await self._topics.publish(kept.topic, NewMessage(kept.data, kept.attributes), parcel.id)
        except TimeoutError:
            return Later(f"the store did not answer within {self._config.timeout:g} s", unclear=True)
        except (NotFound, TopicGone):
            return Refused(f"there is no topic {kept.topic}")
        except Rejected as error:
            return Refused(str(error))
        except (StoreError, NotOwner) as error:  # another node has the courier meanwhile, and tries it again
            return Later(str(error), unclear=isinstance(error, OutcomeUnknown))
        return Delivered()

    async def probe(self) -> Outcome:
        """See Destination: our own store is always there to be asked."""
        return Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        body: Any = parcel.post.body
        return Preview(str(body.get("topic", "")) if isinstance(body, dict) else "", body=body)

    async def close(self) -> None:
        """See Destination. Nothing is held open."""
