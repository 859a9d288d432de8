"""Lists the outbox and its dead letters, shows one delivery, and changes chosen ones: send again, or drop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, get_args

import msgspec

from bridge.core.posts import post_from_bytes
from bridge.delivery.collapse.digest import is_digest
from bridge.delivery.parcels import parcel_of
from bridge.destinations.base import Preview
from bridge.operate.hidden_values import hide_in_post, hide_in_preview
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_times import ago_us
from bridge.operate.operator_views import AttemptView, DeliveryView, attempt_view, delivery_view
from bridge.operate.time_spans import read_span_or_none
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from broker.model import Attempt, Delivery, DeliveryQuery, DeliveryState, Leased
from rules.model import Post
from rules.source.words import suggest_of

_STATES: Final[tuple[DeliveryState, ...]] = get_args(DeliveryState)
PAGE: Final = 100
LONGEST_PAGE: Final = 1_000
_INBOX_POSTS: Final = 50
WHOLE_ID: Final = 32
_AT_ONCE: Final = 500
_NAMED: Final = 10


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are meant; "" and None leave a question open. ``into`` is the digest they became part of.

    ``since`` and ``until`` are times as people say them, by the clock of ``zone`` (time_spans.py).
    """

    state: str = ""
    destination: str = ""
    rule: str = ""
    topic: str = ""
    into: str = ""
    since_s: float | None = None
    since: str = ""
    until: str = ""
    zone: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it asks for nothing, and so fits all."""
        questions = (self.state, self.destination, self.rule, self.topic, self.into, self.since, self.until)
        return not any(questions) and self.since_s is None


class DeliveriesPage(msgspec.Struct, frozen=True):
    """One page, newest first; ``next`` is the ``before`` of the page behind it, null on the last."""

    deliveries: list[DeliveryView]
    next: int | None


class DeliveryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its attempts, its post as it was rendered, and the first of what it stands in place of."""

    delivery: DeliveryView
    attempts: list[AttemptView]
    post: Post
    instead_of: DeliveriesPage


class KeptDelivery(msgspec.Struct, frozen=True):
    """A delivery and its attempts as the store has them, for whoever draws more of it than a record shows."""

    delivery: Delivery
    attempts: Sequence[Attempt]


class InboxPosts(msgspec.Struct, frozen=True):
    """The newest deliveries of all inboxes, newest first, and the names of these destinations."""

    deliveries: Sequence[Delivery]
    inboxes: list[str]


async def list_deliveries(
    context: OperatorContext, wanted: DeliveryFilter, *, before: int | None = None, limit: int | None = None
) -> DeliveriesPage:
    """A page of the deliveries that fit, newest first. Raises InvalidInput, NoSuchThing, StoreUnavailable."""
    if wanted.into:
        wanted = msgspec.structs.replace(wanted, into=await full_id(context, wanted.into))
    return await _page(context, _query(context, wanted, before, min(limit or PAGE, LONGEST_PAGE)))


async def list_inbox(context: OperatorContext) -> InboxPosts:
    """What was delivered to destinations of kind inbox. Raises StoreUnavailable."""
    names = [name for name, destination in context.destinations().items() if destination.facts.kind == "inbox"]
    deliveries: list[Delivery] = []
    for name in names:
        query = DeliveryQuery(state="delivered", destination=name, limit=_INBOX_POSTS)
        deliveries.extend(await context.store.outbox.find(query))
    deliveries.sort(key=lambda delivery: (delivery.settled_us, delivery.seq), reverse=True)
    return InboxPosts(deliveries[:_INBOX_POSTS], names)


async def read_delivery(context: OperatorContext, delivery_id: str) -> KeptDelivery:
    """One delivery, by its id or a beginning that no other has. Raises NoSuchThing, InvalidInput, StoreUnavailable."""
    stored = await context.store.outbox.read(await full_id(context, delivery_id))
    if stored is None:
        raise NoSuchThing("delivery", delivery_id, "there is no such delivery; it may be past its retention")
    return KeptDelivery(*stored)


async def full_id(context: OperatorContext, begun: str) -> str:
    """The id that begins so, ``begun`` itself when there is none. Raises InvalidInput when several do."""
    if len(begun) >= WHOLE_ID:
        return begun
    texts = [delivery.id for delivery in await context.store.outbox.find(DeliveryQuery(id_prefix=begun, limit=_NAMED))]
    if begun in texts or not texts:
        return begun
    if len(texts) > 1:
        raise InvalidInput("ids", f'several deliveries have ids that begin with "{begun}": {", ".join(sorted(texts))}')
    return texts[0]


async def show_delivery(context: OperatorContext, delivery_id: str) -> DeliveryDetail:
    """One delivery with all that is known of it. Raises NoSuchThing, StoreUnavailable."""
    stored = await read_delivery(context, delivery_id)
    return DeliveryDetail(
        delivery=delivery_view(stored.delivery, topic_names(context.broker)),
        attempts=[attempt_view(attempt) for attempt in stored.attempts],
        post=hide_in_post(post_from_bytes(stored.delivery.new.post)),
        instead_of=await list_replaced(context, stored.delivery),
    )


async def list_replaced(context: OperatorContext, delivery: Delivery) -> DeliveriesPage:
    """What a digest stands in place of: the first page of all that was folded into it or cancelled with it."""
    if not is_digest(delivery):
        return DeliveriesPage([], None)
    return await _page(context, DeliveryQuery(into=delivery.id, limit=PAGE))


def preview_delivery(context: OperatorContext, delivery: Delivery) -> Preview | None:
    """Exactly what its destination would be sent now, secrets hidden; None when that is no longer configured."""
    destination = context.destinations().get(delivery.new.destination)
    return hide_in_preview(destination.preview(parcel_of(Leased(delivery, "")))) if destination is not None else None


async def replay_deliveries(
    context: OperatorContext, by: Requester, ids: Sequence[str], wanted: DeliveryFilter | None = None
) -> int:
    """Let dead letters wait again, named by ids or by a filter; says how many. Raises InvalidInput, NoSuchThing."""
    return await _change(context, by, "delivery.replay", ids, wanted, context.store.outbox.replay)


async def drop_deliveries(
    context: OperatorContext, by: Requester, ids: Sequence[str], wanted: DeliveryFilter | None = None
) -> int:
    """Drop waiting or dead ones in the name of whoever asks; says how many. Raises InvalidInput, NoSuchThing."""
    outbox = context.store.outbox
    return await _change(context, by, "delivery.drop", ids, wanted, lambda some: outbox.drop(some, by.who))


async def _page(context: OperatorContext, query: DeliveryQuery) -> DeliveriesPage:
    deliveries = await context.store.outbox.find(query)
    names = topic_names(context.broker)
    more = len(deliveries) == query.limit
    return DeliveriesPage(
        [delivery_view(delivery, names) for delivery in deliveries], deliveries[-1].seq if more else None
    )


async def _change(
    context: OperatorContext,
    by: Requester,
    what: str,
    named: Sequence[str],
    wanted: DeliveryFilter | None,
    change: Callable[[Sequence[str]], Awaitable[int]],
) -> int:
    filters = wanted is not None and not wanted.is_open
    if bool(named) == filters:
        text = 'name deliveries by ids, or by a filter such as {"state": "dead", "destination": "ops"}'
        raise InvalidInput("ids", text)
    ids = [await full_id(context, text) for text in named] or (
        await _ids(context, wanted) if wanted is not None else []
    )
    count = 0
    for start in range(0, len(ids), _AT_ONCE):
        count += await change(ids[start : start + _AT_ONCE])
    if count:
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        await context.note(by, what, ", ".join(ids[:_NAMED]) + more, after={"count": count} | _filter_terms(wanted))
    return count


def _filter_terms(wanted: DeliveryFilter | None) -> dict[str, Any]:
    """What a filter asks for, as the audit trail says it."""
    asked = msgspec.to_builtins(wanted) if wanted is not None else {}
    return {name: value for name, value in asked.items() if value not in ("", None)}


async def _ids(context: OperatorContext, wanted: DeliveryFilter) -> list[str]:
    """The ids that fit, oldest first, as they are now: what comes later is not meant. Without a state, the dead."""
    wanted = msgspec.structs.replace(wanted, state=wanted.state or "dead")
    texts: list[str] = []
    before: int | None = None
    while True:
        deliveries = await context.store.outbox.find(_query(context, wanted, before, LONGEST_PAGE))
        texts += [delivery.id for delivery in deliveries]
        if len(deliveries) < LONGEST_PAGE:
            return texts[::-1]
        before = deliveries[-1].seq


def _query(context: OperatorContext, wanted: DeliveryFilter, before: int | None, limit: int) -> DeliveryQuery:
    span = read_span_or_none(wanted.since, wanted.until, wanted.zone, context.clock.wall_us())
    since_us = [] if wanted.since_s is None else [ago_us(context.clock, wanted.since_s)]
    since_us += [] if span is None else [span.since_us]
    return DeliveryQuery(
        state=_state(wanted.state),
        destination=wanted.destination or None,
        rule=wanted.rule or None,
        topic_uid=topic_uid_or_none(context.broker, wanted.topic),
        into=wanted.into or None,
        since_us=max(since_us, default=None),
        until_us=None if span is None else span.until_us,
        before_seq=before,
        limit=limit,
    )


def _state(text: str) -> DeliveryState | None:
    state = next((state for state in _STATES if state == text), None)
    if text and state is None:
        raise InvalidInput("state", f'there is no state "{text[:40]}"{suggest_of(text, _STATES, "states")}')
    return state
