"""Explains why a message was told, or was not: what was decided, and what the rules in force would decide.

The two are kept apart: the first is read from the store's records, the second is computed anew, on a state of its own,
and labelled so (semantics.md item 17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bridge.delivery.parcels import parcel_of
from bridge.destinations.base import Destination, Preview
from bridge.operate.explain_views import ExplanationView, explanation_view
from bridge.operate.hidden_values import hide_in_post, hide_in_preview
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_views import (
    AttemptView,
    DecisionView,
    DeliveryView,
    SeenMessage,
    attempt_view,
    decision_view,
    delivery_view,
    message_view,
)
from bridge.operate.topic_names import topic_names, topic_uid
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic as RoutedTopic
from bridge.routing.commit_batch import incoming_of, values_of
from broker.model import Attempt, Delivery, DeliveryQuery, Leased, Message
from broker.names import router_cursor
from broker.store import Store
from rules.deciding.match import match
from rules.events.decode import AUTO
from rules.model import Post
from rules.source.bounds import count_of
from rules.workbench.explain import explain as explain_rules

_MOST_DELIVERIES = 1_000
_FORM = "name a message as TOPIC:OFFSET, such as message=projects/P/topics/T:17"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an explanation rests on: store, rules and silences in force, destinations, topic names by uid, the time."""

    store: Store
    in_force: ActiveConfig
    destinations: Mapping[str, Destination]
    names: Mapping[str, str]
    now_us: int


class DeliveryExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its post as it was rendered then, what its destination is sent for it, and every try."""

    delivery: DeliveryView
    post: Post
    payload: Preview | None
    attempts: list[AttemptView]


class DecidedView(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided then, as it is on record.

    ``fate`` is matched, unmatched, undecided (its router is behind) or unrouted (no rule hears its topic).
    """

    fate: str
    decisions: list[DecisionView]
    deliveries: list[DeliveryExplained]


class MessageExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A message, what was decided of it, and what would be now; both ends are null once the message is gone."""

    message: SeenMessage | None
    decided: DecidedView
    recomputed: ExplanationView | None


async def explain_named(context: OperatorContext, message: str) -> MessageExplained:
    """What is known of a message that is named ``TOPIC:OFFSET``. Raises InvalidInput, NoSuchThing, StoreUnavailable."""
    uid, offset = _message_id(context, message)
    names = topic_names(context.broker)
    grounds = Grounds(context.store, context.in_force, context.destinations(), names, context.clock.wall_us())
    explained = await explain_stored(grounds, uid, offset)
    if explained is None:
        raise NoSuchThing("message", message, no_such_message(names[uid], offset))
    return explained


def no_such_message(topic: str, offset: int) -> str:
    """What to say of a message that has left no trace."""
    return f"there is no message {offset} in {topic}; it may be past its retention"


async def explain_stored(grounds: Grounds, uid: str, offset: int) -> MessageExplained | None:
    """What was decided of a message and what would be now; None when there is neither message nor record."""
    store, names = grounds.store, grounds.names
    cursor = await store.cursors.get(router_cursor(uid))  # first: what lies before it has its records
    records = [decision_view(record) for record in await store.decisions.list_for_message(uid, offset)]
    query = DeliveryQuery(topic_uid=uid, offset=offset, limit=_MOST_DELIVERIES)
    rows = [await store.outbox.read(delivery.id) for delivery in await store.outbox.find(query)]
    deliveries = [_explain(grounds, *row) for row in rows[::-1] if row is not None]
    message = await _message(store, uid, offset)
    if message is None and not records and not deliveries:
        return None
    behind = cursor is not None and cursor.offset <= offset
    fate = "matched" if records else "unrouted" if cursor is None else "undecided" if behind else "unmatched"
    spec = grounds.in_force.rule_set.decode.get(names[uid], AUTO)
    topic = RoutedTopic(names[uid], uid)
    return MessageExplained(
        message=message_view(names[uid], message, spec, fate, []) if message is not None else None,
        decided=DecidedView(fate=fate, decisions=records, deliveries=deliveries),
        recomputed=await _recompute(grounds, topic, message) if message is not None else None,
    )


def _explain(grounds: Grounds, delivery: Delivery, attempts: Sequence[Attempt]) -> DeliveryExplained:
    parcel = parcel_of(Leased(delivery, ""))
    destination = grounds.destinations.get(delivery.new.destination)
    return DeliveryExplained(
        delivery=delivery_view(delivery, grounds.names),
        post=hide_in_post(parcel.post),
        payload=hide_in_preview(destination.preview(parcel)) if destination is not None else None,
        attempts=[attempt_view(attempt) for attempt in attempts],
    )


async def _recompute(grounds: Grounds, topic: RoutedTopic, message: Message) -> ExplanationView:
    """What the rules in force would decide now, with the state as it is now; nothing of it is kept."""
    rule_set, now_us = grounds.in_force.rule_set, grounds.now_us
    incoming = incoming_of(topic, message)
    needs = match(rule_set, incoming, now_us).needs
    rows = await grounds.store.state.read(tuple(needs)) if needs else {}
    explanation = explain_rules(rule_set, incoming, values_of(rows), grounds.in_force.context(now_us))
    return explanation_view(explanation, grounds.destinations)


async def _message(store: Store, uid: str, offset: int) -> Message | None:
    """The message, or None when it is no longer in the log."""
    messages = await store.log.read(uid, offset, 1, 1)
    return messages[0] if messages and messages[0].offset == offset else None


def _message_id(context: OperatorContext, message: str) -> tuple[str, int]:
    topic, colon, offset = message.rpartition(":")
    number = count_of(offset) if colon else None
    if number is None:
        raise InvalidInput("message", _FORM)
    return topic_uid(context.broker, topic), number
