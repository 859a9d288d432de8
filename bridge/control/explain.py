"""``/api/explain``: why a message was told, or was not: what was decided, and what the rules in force would decide.

The two are kept apart: the first is read from the store's records, the second is computed anew, on a state of its own,
and labelled so (semantics.md item 17).
"""

from __future__ import annotations

from typing import Any

from bridge.control.answering import Asked, Refusal
from bridge.control.explained import explained
from bridge.control.tail import seen_message
from bridge.control.topics import topic_names, topic_uid
from bridge.control.views import attempt_view, decision_view, delivery_view
from bridge.deciding import Topic as RoutedTopic
from bridge.deciding import incoming_of, values_of
from broker.model import DeliveryQuery, Message
from broker.names import router_cursor
from rules.decode import AUTO
from rules.explain import explain as explain_message
from rules.match import match

_MOST_DELIVERIES = 1_000


async def explain(asked: Asked) -> dict[str, Any]:
    """GET /api/explain?message=TOPIC:OFFSET."""
    uid, offset = _message_id(asked)
    store, names = asked.source.store, topic_names(asked)
    records = [decision_view(record) for record in await store.decisions.of(uid, offset)]
    query = DeliveryQuery(topic_uid=uid, offset=offset, limit=_MOST_DELIVERIES)
    found = [await store.outbox.read(delivery.id) for delivery in await store.outbox.find(query)]
    deliveries = [
        {"delivery": delivery_view(one[0], names), "attempts": [attempt_view(attempt) for attempt in one[1]]}
        for one in found[::-1]
        if one is not None
    ]
    message = await _message(asked, uid, offset)
    if message is None and not records and not deliveries:
        raise Refusal(404, f"there is no message {offset} in {names[uid]}; it may be past its retention")
    cursor = await store.cursors.get(router_cursor(uid))
    behind = cursor is not None and cursor.offset <= offset
    fate = "matched" if records else "unrouted" if cursor is None else "undecided" if behind else "unmatched"
    spec = asked.source.in_force.rule_set.decode.get(names[uid], AUTO)
    return {
        "message": seen_message(names[uid], message, spec, fate, []) if message is not None else None,
        "decided": {"fate": fate, "decisions": records, "deliveries": deliveries},
        "recomputed": await _recomputed(asked, RoutedTopic(names[uid], uid), message) if message is not None else None,
    }


async def _recomputed(asked: Asked, topic: RoutedTopic, message: Message) -> dict[str, Any]:
    """What the rules in force would decide now, with the state as it is now; nothing of it is kept."""
    source = asked.source
    rule_set, now_us = source.in_force.rule_set, source.clock.wall_us()
    incoming = incoming_of(topic, message)
    needs = match(rule_set, incoming, now_us).needs
    rows = await source.store.state.read(tuple(needs)) if needs else {}
    return explained(explain_message(rule_set, incoming, values_of(rows), source.in_force.context(now_us)))


async def _message(asked: Asked, uid: str, offset: int) -> Message | None:
    """The message, or None when it is no longer in the log."""
    found = await asked.source.store.log.read(uid, offset, 1, 1)
    return found[0] if found and found[0].offset == offset else None


def _message_id(asked: Asked) -> tuple[str, int]:
    topic, colon, offset = asked.query("message").rpartition(":")
    if not colon or not (offset.isascii() and offset.isdigit() and len(offset) < 16):
        raise Refusal(400, "name a message as TOPIC:OFFSET, such as message=projects/P/topics/T:17")
    return topic_uid(asked, topic), int(offset)
