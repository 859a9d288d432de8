"""``/api/deliveries``: the outbox and its dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, get_args

import msgspec

from bridge.core.posts import post_from_bytes
from bridge.delivery.collapse.digest import is_digest
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_views import DeliveryView, attempt_view, delivery_view
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from broker.model import Delivery, DeliveryQuery, DeliveryState
from broker.store import Outbox
from rules.source.words import suggest_of

_STATES: Final[tuple[DeliveryState, ...]] = get_args(DeliveryState)
_PAGE: Final = 100
_LONGEST_PAGE: Final = 1_000
_AT_ONCE: Final = 500
_NAMED: Final = 10


class DeliveriesPage(msgspec.Struct, frozen=True):
    """One page, newest first; ``next`` is the ``before`` of the page behind it, null on the last."""

    deliveries: list[DeliveryView]
    next: int | None


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which deliveries to change: by id, or by filter. Without ``state`` a filter takes the dead ones."""

    ids: list[str] = []
    state: str = ""
    destination: str = ""
    rule: str = ""
    topic: str = ""
    since_s: float | None = None

    @property
    def filters(self) -> bool:
        """Whether any filter is given."""
        return bool(self.state or self.destination or self.rule or self.topic or self.since_s is not None)


async def page(asked: OperatorRequest) -> DeliveriesPage:
    """GET /api/deliveries."""
    limit = min(asked.number("limit") or _PAGE, _LONGEST_PAGE)
    query = DeliveryQuery(
        state=_state(asked.query("state")),
        destination=asked.query("destination") or None,
        rule=asked.query("rule") or None,
        topic_uid=topic_uid_or_none(asked, asked.query("topic")),
        into=asked.query("into") or None,
        since_us=_since_us(asked, asked.number("since_s")),
        before_seq=asked.number("before"),
        limit=limit,
    )
    return await _page(asked, query)


async def one(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/deliveries/{id}: with its attempts, its post as it was rendered, and what it stands in place of."""
    found = await asked.source.store.outbox.read(asked.request.path_params["id"])
    if found is None:
        raise Refusal(404, "there is no such delivery; it may be past its retention")
    delivery, attempts = found
    return {
        "delivery": delivery_view(delivery, topic_names(asked)),
        "attempts": [attempt_view(attempt) for attempt in attempts],
        "post": post_from_bytes(delivery.new.post),
        "instead_of": await instead_of(asked, delivery),
    }


async def instead_of(asked: OperatorRequest, delivery: Delivery) -> DeliveriesPage:
    """What a digest stands in place of: the first page of all that was folded into it or cancelled with it."""
    if not is_digest(delivery):
        return DeliveriesPage([], None)
    return await _page(asked, DeliveryQuery(into=delivery.id, limit=_PAGE))


async def replay(asked: OperatorRequest) -> dict[str, int]:
    """POST /api/deliveries:replay: the stored renderings again, oldest first."""
    return {"count": await replayed(asked, await asked.body(Chosen))}


async def drop(asked: OperatorRequest) -> dict[str, int]:
    """POST /api/deliveries:drop: settle waiting or dead ones as dropped by whoever asks."""
    return {"count": await dropped(asked, await asked.body(Chosen))}


async def replayed(asked: OperatorRequest, chosen: Chosen) -> int:
    """Make the chosen dead letters wait again; says how many. Raises Refusal for a choice that is none."""
    return await _changed(asked, "delivery.replay", chosen, asked.source.store.outbox.replay)


async def dropped(asked: OperatorRequest, chosen: Chosen) -> int:
    """Drop the chosen deliveries in the name of whoever asks; says how many. Raises Refusal for no choice."""
    outbox = asked.source.store.outbox
    return await _changed(asked, "delivery.drop", chosen, lambda ids: outbox.drop(ids, asked.who))


async def _page(asked: OperatorRequest, query: DeliveryQuery) -> DeliveriesPage:
    found = await asked.source.store.outbox.find(query)
    names = topic_names(asked)
    more = len(found) == query.limit
    return DeliveriesPage([delivery_view(one, names) for one in found], found[-1].seq if more else None)


async def _changed(
    asked: OperatorRequest, what: str, chosen: Chosen, change: Callable[[Sequence[str]], Awaitable[int]]
) -> int:
    if bool(chosen.ids) == chosen.filters:
        raise Refusal(400, 'name deliveries by ids, or by a filter such as {"state": "dead", "destination": "ops"}')
    ids = chosen.ids or await _ids(asked, chosen)
    count = 0
    for start in range(0, len(ids), _AT_ONCE):
        count += await change(ids[start : start + _AT_ONCE])
    if count:
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        await asked.note(what, ", ".join(ids[:_NAMED]) + more, after={"count": count} | _said(chosen))
    return count


def _said(chosen: Chosen) -> dict[str, Any]:
    """The filter of a choice, as it was given."""
    named = msgspec.to_builtins(chosen)
    return {name: value for name, value in named.items() if name != "ids" and value not in ("", None)}


async def _ids(asked: OperatorRequest, chosen: Chosen) -> list[str]:
    """The ids that fit, oldest first, as they are now: what comes later is not meant."""
    outbox: Outbox = asked.source.store.outbox
    found: list[str] = []
    before: int | None = None
    while True:
        query = DeliveryQuery(
            state=_state(chosen.state) or "dead",
            destination=chosen.destination or None,
            rule=chosen.rule or None,
            topic_uid=topic_uid_or_none(asked, chosen.topic),
            since_us=_since_us(asked, chosen.since_s),
            before_seq=before,
            limit=_LONGEST_PAGE,
        )
        deliveries = await outbox.find(query)
        found += [delivery.id for delivery in deliveries]
        if len(deliveries) < _LONGEST_PAGE:
            return found[::-1]
        before = deliveries[-1].seq


def _state(said: str) -> DeliveryState | None:
    state = next((state for state in _STATES if state == said), None)
    if said and state is None:
        raise Refusal(400, f'there is no state "{said[:40]}"{suggest_of(said, _STATES, "states")}')
    return state


def _since_us(asked: OperatorRequest, since_s: float | None) -> int | None:
    return None if since_s is None else asked.ago_us(since_s)
