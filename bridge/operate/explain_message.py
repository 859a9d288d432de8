"""``/api/explain``: why a message was told, or was not: what was decided, and what the rules in force would decide.

The two are kept apart: the first is read from the store's records, the second is computed anew, on a state of its own,
and labelled so (semantics.md item 17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.delivery.attempts import parcel_of
from bridge.destinations.base import Destination
from bridge.operate.explain_views import explained
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.live_tail import seen_message
from bridge.operate.operator_views import attempt_view, decision_view, delivery_view
from bridge.operate.topic_names import topic_names, topic_uid
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic as RoutedTopic
from bridge.routing.commit_batch import incoming_of, values_of
from broker.model import Attempt, Delivery, DeliveryQuery, Leased, Message
from broker.names import router_cursor
from broker.store import Store
from rules.deciding.match import match
from rules.events.decode import AUTO
from rules.workbench.explain import explain as explain_message

_MOST_DELIVERIES = 1_000


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an explanation rests on: store, rules and silences in force, destinations, topic names by uid, the time."""

    store: Store
    in_force: ActiveConfig
    destinations: Mapping[str, Destination]
    names: Mapping[str, str]
    now_us: int


async def explain(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/explain?message=TOPIC:OFFSET."""
    uid, offset = _message_id(asked)
    source, names = asked.source, topic_names(asked)
    grounds = Grounds(source.store, source.in_force, source.destinations(), names, source.clock.wall_us())
    found = await explain_stored(grounds, uid, offset)
    if found is None:
        raise Refusal(404, no_such_message(names[uid], offset))
    return found


def no_such_message(topic: str, offset: int) -> str:
    """What to say of a message that has left no trace."""
    return f"there is no message {offset} in {topic}; it may be past its retention"


async def explain_stored(grounds: Grounds, uid: str, offset: int) -> dict[str, Any] | None:
    """What was decided of a message and what would be now; None when there is neither message nor record."""
    store, names = grounds.store, grounds.names
    cursor = await store.cursors.get(router_cursor(uid))  # first: what lies before it has its records
    records = [decision_view(record) for record in await store.decisions.of(uid, offset)]
    query = DeliveryQuery(topic_uid=uid, offset=offset, limit=_MOST_DELIVERIES)
    found = [await store.outbox.read(delivery.id) for delivery in await store.outbox.find(query)]
    deliveries = [_delivered(grounds, *one) for one in found[::-1] if one is not None]
    message = await _message(store, uid, offset)
    if message is None and not records and not deliveries:
        return None
    behind = cursor is not None and cursor.offset <= offset
    fate = "matched" if records else "unrouted" if cursor is None else "undecided" if behind else "unmatched"
    spec = grounds.in_force.rule_set.decode.get(names[uid], AUTO)
    return {
        "message": seen_message(names[uid], message, spec, fate, []) if message is not None else None,
        "decided": {"fate": fate, "decisions": records, "deliveries": deliveries},
        "recomputed": await _recomputed(grounds, RoutedTopic(names[uid], uid), message)
        if message is not None
        else None,
    }


def _delivered(grounds: Grounds, delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """A delivery with its post as it was rendered then, what its destination is sent for it, and every try."""
    parcel = parcel_of(Leased(delivery, ""))
    destination = grounds.destinations.get(delivery.new.destination)
    return {
        "delivery": delivery_view(delivery, grounds.names),
        "post": parcel.post,
        "payload": destination.preview(parcel) if destination is not None else None,
        "attempts": [attempt_view(attempt) for attempt in attempts],
    }


async def _recomputed(grounds: Grounds, topic: RoutedTopic, message: Message) -> dict[str, Any]:
    """What the rules in force would decide now, with the state as it is now; nothing of it is kept."""
    rule_set, now_us = grounds.in_force.rule_set, grounds.now_us
    incoming = incoming_of(topic, message)
    needs = match(rule_set, incoming, now_us).needs
    rows = await grounds.store.state.read(tuple(needs)) if needs else {}
    found = explain_message(rule_set, incoming, values_of(rows), grounds.in_force.context(now_us))
    return explained(found, grounds.destinations)


async def _message(store: Store, uid: str, offset: int) -> Message | None:
    """The message, or None when it is no longer in the log."""
    found = await store.log.read(uid, offset, 1, 1)
    return found[0] if found and found[0].offset == offset else None


def _message_id(asked: OperatorRequest) -> tuple[str, int]:
    topic, colon, offset = asked.query("message").rpartition(":")
    if not colon or not (offset.isascii() and offset.isdigit() and len(offset) < 16):
        raise Refusal(400, "name a message as TOPIC:OFFSET, such as message=projects/P/topics/T:17")
    return topic_uid(asked, topic), int(offset)
