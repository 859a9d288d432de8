"""Publishes to another topic of this daemon: the payload is published there, for its subscriptions and rules.

A send may name another topic of the same project, within what the settings allow; then it may be made, too: a topic for
each site, say. The delivery's id is the producer key, so a message stands there once however often it is tried
(semantics.md item 13). Each passage adds one to the attribute ``ams-bridge-hops``; a message that has passed too often
goes round in circles and is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final, Literal, Protocol

from pydantic import Field, field_validator, model_validator

from bridge.destinations.base import Delivered, Later, Outcome, Parcel, PartSize, Preview, Refused
from bridge.destinations.config import WHOLE_TRY_MARGIN_S, DestinationConfig
from bridge.destinations.kit.payload import payload_bytes, payload_of
from broker.clock import Clock
from broker.errors import NotFound, NotOwner, OutcomeUnknown, Rejected, StoreError, TopicGone
from broker.model import NewMessage
from broker.names import is_name
from broker.publish import MESSAGE_LIMIT_BYTES, message_bytes
from rules.model import DestinationFacts

HOPS: Final = "ams-bridge-hops"
_NUMBER: Final = re.compile(r'"?(\d{1,6})"?')
_TOPIC: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
_GLOB: Final = re.compile(r"[A-Za-z0-9_*?\[\]!-]+")
_OVERRIDES: Final = frozenset({"attributes"})
_MOST_NAMED: Final = 100_000


class TopicPublisher(Protocol):
    """Where messages can be published, as this destination needs it."""

    def exists(self, topic: str) -> bool:
        """Whether there is a topic of that full name now."""

    def name_of(self, uid: str) -> str:
        """The full name of the topic with this uid; the uid itself when there is none any more."""

    def count(self, topics: str) -> int:
        """How many topics fit a full name whose last part is a glob."""

    async def create(self, topic: str) -> None:
        """Make a topic of that full name, unless it is there by now. Raises NotFound (no such project), StoreError."""

    async def publish(self, topic: str, message: NewMessage, producer_key: str) -> None:
        """Append a message, once for each producer key; durable on return.

        Raises NotFound, Rejected, TopicGone, StoreUnavailable, OutcomeUnknown.
        """


class TopicDestinationConfig(DestinationConfig):
    """Settings of another topic."""

    type: Literal["topic"] = "topic"
    topic: str = Field(description="projects/PROJECT/topics/TOPIC")
    topics: str = Field("", description="Topics of that project that a send may name: a glob (site-*); empty: none")
    create: bool = Field(False, description="Make a topic that a send names and that is not there")
    max_topics: int = Field(
        1_000, ge=1, le=_MOST_NAMED, description="With create: none is made when so many fit topics already"
    )
    form: Literal["body", "data"] = Field(
        "body",
        description="data: the body is {{ message.data | to_json }}, as it came or made so: published unchanged",
    )
    attributes: dict[str, str] = Field(default_factory=dict, description="Attributes of each message")
    max_hops: int = Field(5, ge=1, le=100, description="How often a message may be published again in all")

    @field_validator("topic")
    @classmethod
    def _is_a_topic(cls, topic: str) -> str:
        if _TOPIC.fullmatch(topic) is None:
            raise ValueError(f'"{topic}" is not a topic; write projects/PROJECT/topics/TOPIC')
        return topic

    @field_validator("topics")
    @classmethod
    def _is_a_glob(cls, topics: str) -> str:
        if topics and _GLOB.fullmatch(topics) is None:
            raise ValueError(f'"{topics}" fits no name of a topic; write a glob such as site-*')
        return topics

    @model_validator(mode="after")
    def _makes_what_is_named(self) -> TopicDestinationConfig:
        if self.create and not self.topics:
            raise ValueError("create makes topics that sends name; say in topics: which they may name, such as site-*")
        return self


class TopicDestination:
    """Publishes to a topic of this daemon."""

    def __init__(self, name: str, config: TopicDestinationConfig, topics: TopicPublisher | None, clock: Clock) -> None:
        self._config = config
        self._topics = topics
        self._clock = clock
        may = _OVERRIDES | {"topic"} if config.topics else _OVERRIDES
        self.facts = DestinationFacts(name=name, kind="topic", overrides=may, takes_body=True)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        hops = hops_of(parcel)
        if hops >= self._config.max_hops:
            return Refused(f"it was published {hops} times already: rules send it round in circles")
        wrong = self._why_not(parcel)
        if wrong:
            return Refused(wrong)
        if self._topics is None:
            return Later("only the daemon can publish to its topics")
        topic = self._topic_of(parcel)
        try:
            async with self._clock.timeout(self._config.timeout + WHOLE_TRY_MARGIN_S):
                if not await self._is_to_be_had(topic, self._topics):
                    return Refused(
                        f"there is no topic {topic}, and {self._config.max_topics} topics fit "
                        f'"{self._config.topics}" already: no more are made'
                    )
                await self._topics.publish(topic, self._message(parcel), parcel.id)
        except TimeoutError:
            return Later(f"the store did not answer within {self._config.timeout:g} s", unclear=True)
        except (NotFound, TopicGone):
            return Refused(f"there is no topic {topic}", destination_gone=topic == self._config.topic)
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
        wrong = self._why_not(parcel)
        target = self._config.topic if wrong else self._topic_of(parcel)
        return Preview(target, message.attributes, payload_of(parcel), (wrong,) if wrong else (), sizes)

    async def close(self) -> None:
        """See Destination. Nothing is held open."""

    def _why_not(self, parcel: Parcel) -> str:
        """Why a delivery cannot be published, whatever topics there are; "" when it can."""
        if self._config.form == "data" and not isinstance(parcel.post.body, str):
            return "its body is no text, so it is no data of a message; write {{ message.data | to_json }}"
        asked = parcel.post.overrides.get("topic")
        if "topic" not in parcel.post.overrides or not self._config.topics:
            return ""
        if asked is None or asked == "":
            return "the send names no topic: what makes its name is empty"
        if not is_name(str(asked)):
            return f'"{asked}" is not a name for a topic: use letters, digits, - and _'
        if not fnmatchcase(str(asked), self._config.topics):
            return f'the send names the topic "{asked}", which does not fit "{self._config.topics}"'
        return ""

    def _topic_of(self, parcel: Parcel) -> str:
        """The full name of the topic that a delivery goes to."""
        asked = parcel.post.overrides.get("topic") if self._config.topics else None
        if asked is None:
            return self._config.topic
        return f"{self._config.topic.rpartition('/')[0]}/{asked}"

    async def _is_to_be_had(self, topic: str, topics: TopicPublisher) -> bool:
        """Make the topic if it may be made and is not there; False when there are too many."""
        config = self._config
        if not config.create or topic == config.topic or topics.exists(topic):
            return True
        if topics.count(f"{config.topic.rpartition('/')[0]}/{config.topics}") >= config.max_topics:
            return False
        await topics.create(topic)
        return True

    def _message(self, parcel: Parcel) -> NewMessage:
        attributes = {HOPS: str(hops_of(parcel) + 1), **self._config.attributes}
        asked = parcel.post.overrides.get("attributes")
        if isinstance(asked, Mapping):
            attributes |= {str(name): str(value) for name, value in asked.items()}
        attributes[HOPS] = str(hops_of(parcel) + 1)
        if self._config.form == "data":
            return NewMessage(str(parcel.post.body), attributes)
        return NewMessage(base64.b64encode(payload_bytes(parcel)).decode(), attributes)


def hops_of(parcel: Parcel) -> int:
    """How often the message that led to this was published by a rule before."""
    match = _NUMBER.fullmatch(parcel.places.get(f"attributes.{HOPS}", ""))
    return int(match[1]) if match is not None else 0
