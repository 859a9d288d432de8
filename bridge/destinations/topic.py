"""Publishes to another topic of this daemon: the payload is published there, for its subscriptions and rules.

The delivery's id is the producer key, so a message stands there once however often it is tried (semantics.md item 13).
Each passage adds one to the attribute ``ams-bridge-hops``; a message that has passed too often goes round in circles
and is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Final, Literal, Protocol

from pydantic import Field, field_validator

from bridge.destinations.base import Delivered, Later, Outcome, Parcel, PartSize, Preview, Refused
from bridge.destinations.config import WHOLE_TRY_MARGIN_S, DestinationConfig
from bridge.destinations.kit.payload import payload_bytes, payload_of
from broker.clock import Clock
from broker.errors import NotFound, NotOwner, OutcomeUnknown, Rejected, StoreError, TopicGone
from broker.model import NewMessage
from broker.publish import MESSAGE_LIMIT_BYTES, message_bytes
from rules.model import DestinationFacts

HOPS: Final = "ams-bridge-hops"
_NUMBER: Final = re.compile(r'"?(\d{1,6})"?')
_TOPIC: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
_OVERRIDES: Final = frozenset({"attributes"})


class TopicPublisher(Protocol):
    """Where messages can be published, as this destination needs it."""

    def exists(self, topic: str) -> bool:
        """Whether there is a topic of that full name now."""

    def name_of(self, uid: str) -> str:
        """The full name of the topic with this uid; the uid itself when there is none any more."""

    async def publish(self, topic: str, message: NewMessage, producer_key: str) -> None:
        """Append a message, once for each producer key; durable on return.

        Raises NotFound, Rejected, TopicGone, StoreUnavailable, OutcomeUnknown.
        """


class TopicDestinationConfig(DestinationConfig):
    """Settings of another topic."""

    type: Literal["topic"] = "topic"
    topic: str = Field(description="projects/PROJECT/topics/TOPIC")
    attributes: dict[str, str] = Field(default_factory=dict, description="Attributes of each message")
    max_hops: int = Field(5, ge=1, le=100, description="How often a message may be published again in all")

    @field_validator("topic")
    @classmethod
    def _is_a_topic(cls, topic: str) -> str:
        if _TOPIC.fullmatch(topic) is None:
            raise ValueError(f'"{topic}" is not a topic; write projects/PROJECT/topics/TOPIC')
        return topic


class TopicDestination:
    """Publishes to a topic of this daemon."""

    def __init__(self, name: str, config: TopicDestinationConfig, topics: TopicPublisher | None, clock: Clock) -> None:
        self._config = config
        self._topics = topics
        self._clock = clock
        self.facts = DestinationFacts(name=name, kind="topic", overrides=_OVERRIDES, takes_body=True)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        topic = self._config.topic
        hops = hops_of(parcel)
        if hops >= self._config.max_hops:
            return Refused(f"it was published {hops} times already: rules send it round in circles")
        if self._topics is None:
            return Later("only the daemon can publish to its topics")
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                await self._topics.publish(topic, self._message(parcel), parcel.id)
        except TimeoutError:
            return Later(f"the store did not answer within {self._config.timeout:g} s", unclear=True)
        except (NotFound, TopicGone):
            return Refused(f"there is no topic {topic}", destination_gone=True)
        except Rejected as error:
            return Refused(str(error))
        except (StoreError, NotOwner) as error:  # another node has the courier meanwhile, and tries it again
            return Later(str(error), unclear=isinstance(error, OutcomeUnknown))
        return Delivered()

    async def probe(self) -> Outcome:
        """Look whether the topic is there; without a running daemon nobody knows, and it is taken to be."""
        if self._topics is None or self._topics.exists(self._config.topic):
            return Delivered()
        return Refused(f"there is no topic {self._config.topic}", destination_gone=True)

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        message = self._message(parcel)
        sizes = (PartSize("message", message_bytes(message), MESSAGE_LIMIT_BYTES, "bytes"),)
        return Preview(self._config.topic, message.attributes, payload_of(parcel), sizes=sizes)

    async def close(self) -> None:
        """See Destination. Nothing is held open."""

    def _message(self, parcel: Parcel) -> NewMessage:
        attributes = {HOPS: str(hops_of(parcel) + 1), **self._config.attributes}
        asked = parcel.post.overrides.get("attributes")
        if isinstance(asked, Mapping):
            attributes |= {str(name): str(value) for name, value in asked.items()}
        attributes[HOPS] = str(hops_of(parcel) + 1)
        return NewMessage(base64.b64encode(payload_bytes(parcel)).decode(), attributes)


def hops_of(parcel: Parcel) -> int:
    """How often the message that led to this was published by a rule before."""
    match = _NUMBER.fullmatch(parcel.places.get(f"attributes.{HOPS}", ""))
    return int(match[1]) if match is not None else 0
