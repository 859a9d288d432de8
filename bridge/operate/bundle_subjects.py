"""What a bundle is asked for by: a message, a delivery or an incident, and the message that each is about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from bridge.operate.bundle import BundleSubject
from bridge.operate.open_incidents import incident_id
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.topic_names import topic_names, topic_uid
from bridge.routing.commit_batch import present
from broker.broker import Broker
from broker.model import Delivery, DeliveryQuery, Message
from broker.store import Store
from rules.deciding.quiet.incident_rows import incident_of
from rules.deciding.quiet.state_rows import recall
from rules.source.bounds import count_of

_LEAST_ID: Final = 4
_ROWS: Final = 500
_SEVERAL: Final = "several deliveries or incidents have ids that begin with {asked}; write more of it"


async def find_subject(store: Store, broker: Broker, asked: str) -> BundleSubject:
    """What is meant by ``TOPIC:OFFSET`` or the beginning of an id.

    Raises InvalidInput, NoSuchThing, StoreUnavailable.
    """
    topic, colon, offset = asked.rpartition(":")
    number = count_of(offset) if colon else None
    if number is not None:
        name = topic_names(broker)[topic_uid(broker, topic)]
        return BundleSubject(asked=asked, topic=name, offset=number)
    if colon or len(asked) < _LEAST_ID or any(sign not in "0123456789abcdef" for sign in asked):
        raise InvalidInput("subject", "name a message as TOPIC:OFFSET, or a delivery or incident by its id")
    subjects = [
        *[await _of_delivery(store, broker, asked, delivery) async for delivery in _deliveries(store, asked)],
        *[subject async for subject in _incidents(store, asked)],
    ]
    if len(subjects) > 1:
        raise InvalidInput("subject", _SEVERAL.format(asked=asked))
    if not subjects:
        raise NoSuchThing("subject", asked, "there is no delivery and no open incident with an id that begins so")
    return subjects[0]


async def _deliveries(store: Store, asked: str) -> AsyncIterator[Delivery]:
    for delivery in await store.outbox.find(DeliveryQuery(id_prefix=asked, limit=2)):
        yield delivery


async def _of_delivery(store: Store, broker: Broker, asked: str, delivery: Delivery) -> BundleSubject:
    new, names = delivery.new, topic_names(broker)
    offset = new.offset
    if offset < 0:  # a timer's: what came last before it
        last = await _last_before(store, new.topic_uid, new.created_us)
        offset = -1 if last is None else last.offset
    if offset < 0 or new.topic_uid not in names:
        raise NoSuchThing("delivery", asked, "the messages of this delivery are past their retention")
    return BundleSubject(
        asked=asked, topic=names[new.topic_uid], offset=offset, delivery=delivery.id, rule=new.rule, key=new.key
    )


async def _last_before(store: Store, topic_uid: str, time_us: int) -> Message | None:
    """The last message of a topic that was published before a moment."""
    behind, bounds = await store.log.offset_at(topic_uid, time_us), await store.log.bounds(topic_uid)
    offset = (bounds.end if behind is None else behind) - 1
    messages = await store.log.read(topic_uid, offset, 1, 1) if offset >= bounds.first else []
    return messages[0] if messages else None


async def _incidents(store: Store, asked: str) -> AsyncIterator[BundleSubject]:
    """The open incidents whose ids begin so."""
    after = ""
    while rows := await store.state.list("k/", _ROWS, after, timed=True):
        after = rows[-1].key
        for row in map(present, rows):
            known = incident_of(row.key, row.value)
            name = incident_id(row.rule, known.key) if known is not None else ""
            if known is not None and name.startswith(asked):
                message = recall(known.incident.event).message
                yield BundleSubject(
                    asked=asked,
                    topic=f"projects/{message.project}/topics/{message.topic}",
                    offset=message.offset,
                    incident=name,
                    rule=row.rule,
                    key=known.key,
                )
