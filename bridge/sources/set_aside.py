"""Messages that came and that our own topic refuses: each becomes a dead letter, so that the next ones can come.

Nobody can be told to mend what a remote service has stored. The dead letter keeps message, reason and origin, is
counted and logged, and may be sent to its topic again (``deliveries replay``): see destinations/inbound.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from bridge.core.posts import post_to_bytes
from broker.clock import Moment
from broker.errors import DuplicateDelivery, OutcomeUnknown
from broker.model import Commit, NewDelivery, NewMessage
from broker.records import Topic
from broker.store import Store
from rules.model import Post
from rules.rendering.markdown_escape import make_storable

INBOUND: Final = "(inbound)"
"""In place of rule and destination of a dead letter made of a message that its topic refused."""

_SENDS_DECIDED: Final = "sends/decided"
_SHOWN_RUNES: Final = 4_000

log = structlog.get_logger("source")


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that its topic refused: where it came from, by which name it is known there, and why.

    ``is_message`` is false for what could not be read as one: it is kept as it came, and never published.
    """

    source: str
    origin: str
    message: NewMessage
    reason: str
    is_message: bool = True


PutAside: TypeAlias = Callable[[RefusedMessage], Awaitable[None]]
"""Keeps a refused message as a dead letter, once for each origin. Raises StoreUnavailable."""


async def put_aside(store: Store, topic: Topic, topic_name: str, refused: RefusedMessage, now: Moment) -> None:
    """Keep one for ``topic``; a second time is nothing. Raises StoreUnavailable.

    It is a delivery to ``INBOUND``, whose courier asks the topic once more and makes it a dead letter with the reason.
    """
    dead = _dead_letter(topic, topic_name, refused, now.wall_us)
    while True:
        try:
            await store.commit(Commit(deliveries=[dead], counters={(topic.uid, _SENDS_DECIDED): 1}, told_at=now))
        except OutcomeUnknown:
            continue  # asked again, it says that it is there, if it is
        except DuplicateDelivery:
            return
        log.warning(
            "a message was put aside", source=refused.source, topic=topic_name, reason=refused.reason, delivery=dead.id
        )
        return


def _dead_letter(topic: Topic, topic_name: str, refused: RefusedMessage, now_us: int) -> NewDelivery:
    origin = f"a/{refused.origin}"
    message = refused.message
    text = f"{topic_name} refused a message from {refused.origin}: {refused.reason}"
    post = Post(
        text=f"{make_storable(text)}\n```\n{make_storable(message.data[:_SHOWN_RUNES])}\n```",
        severity="error",
        body={"topic": topic_name, "data": message.data, "attributes": dict(message.attributes)},
        broken="" if refused.is_message else refused.reason,
    )
    return NewDelivery(
        id=hashlib.sha256(f"{origin}\x00{INBOUND}".encode()).hexdigest()[:32],
        origin=origin,
        rule=INBOUND,
        send=0,
        part=0,
        parts=1,
        destination=INBOUND,
        order_key=topic_name,
        priority=1,
        post=post_to_bytes(post),
        phase="message",
        key="",
        incident="",
        stands_for=1,
        topic_uid=topic.uid,
        offset=-1,
        version="",
        places={},
        severity="error",
        due_us=now_us,
        created_us=now_us,
    )
