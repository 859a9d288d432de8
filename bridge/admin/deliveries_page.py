"""Pages of deliveries: the inbox, the outbox with its dead letters, and one delivery with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import urlencode

from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.admin.page_views import post_view
from bridge.control import deliveries_api as answers
from bridge.control.deliveries_api import Chosen
from bridge.delivery.attempts import parcel_of
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_views import attempt_view, delivery_view
from bridge.operate.topic_names import topic_names
from broker.model import Delivery, DeliveryQuery, DeliveryState, Leased
from rules.source.bounds import int64_of

_INBOX_POSTS: Final = 50
_FILTERS: Final = ("state", "destination", "rule", "topic", "since_s")
_NOTHING_DEAD: Final = "Nothing to send again: only dead letters are."
_NOTHING_TO_DROP: Final = "Nothing to drop: only dead letters are, and what waits."
SINCES: Final = (("3600", "1 hour"), ("86400", "24 hours"), ("604800", "7 days"))


async def inbox(asked: OperatorRequest) -> dict[str, Any]:
    """GET /inbox: posts delivered to destinations of kind inbox, newest first."""
    names = [name for name, one in asked.source.destinations().items() if one.facts.kind == "inbox"]
    found: list[Delivery] = []
    for name in names:
        query = DeliveryQuery(state="delivered", destination=name, limit=_INBOX_POSTS)
        found.extend(await asked.source.store.outbox.find(query))
    found.sort(key=lambda delivery: (delivery.settled_us, delivery.seq), reverse=True)
    return {"posts": [post_view(delivery) for delivery in found[:_INBOX_POSTS]], "inboxes": names}


async def listed(asked: OperatorRequest) -> dict[str, Any]:
    """GET /deliveries: as ``GET /api/deliveries``, with what a person can choose."""
    page = await answers.page(asked)
    chosen = {name: asked.query(name) for name in (*_FILTERS, "into")}
    older = {name: said for name, said in chosen.items() if said} | {"before": page.next}
    known = [*asked.source.destinations()]
    return {
        "deliveries": page.deliveries,
        "states": get_args(DeliveryState),
        "destinations": known if chosen["destination"] in ("", *known) else [*known, chosen["destination"]],
        "rules": [rule.name for rule in asked.source.in_force.rule_set.rules if not rule.retired],
        "topics": list(topic_names(asked).values()),
        "sinces": SINCES,
        "chosen": chosen,
        "next": f"/deliveries?{urlencode(older)}" if page.next is not None else "",
    }


async def one(asked: OperatorRequest) -> dict[str, Any]:
    """GET /deliveries/{id}: the post as it looks and as it goes out, every attempt, and what it was folded with."""
    source = asked.source
    found = await source.store.outbox.read(asked.request.path_params["id"])
    if found is None:
        raise Refusal(404, "There is no such delivery; it may be past its retention.")
    delivery, attempts = found
    names = topic_names(asked)
    rule = source.in_force.rule_set.by_name.get(delivery.new.rule)
    return {
        "d": delivery_view(delivery, names),
        "post": post_view(delivery),
        "attempts": [attempt_view(attempt) for attempt in attempts],
        "preview": _preview(asked, delivery, names),
        "known_rule": rule is not None and not rule.retired,
        "order_key": delivery.new.order_key,
        "into": delivery.by if delivery.state in ("folded", "cancelled") else "",
        "folded": (instead_of := await answers.instead_of(asked, delivery)).deliveries,
        "more_folded": f"/deliveries?into={delivery.id}&before={instead_of.next}" if instead_of.next else "",
    }


async def change_one(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /deliveries/{id}: send a dead letter again, or drop it or one that waits."""
    delivery_id = asked.request.path_params["id"]
    return FormResult(
        f"/deliveries/{delivery_id}", await _change(asked, field(form, "action"), Chosen(ids=[delivery_id]))
    )


async def change_many(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /deliveries: the same with the ticked ones, or with all that the filter fits."""
    filters = {name: field(form, name) for name in _FILTERS}
    back = f"/deliveries?{urlencode({name: said for name, said in filters.items() if said})}"
    ids = [str(value) for value in form.getlist("id")]
    action, _, scope = field(form, "action").partition("-")
    if scope == "all":
        return FormResult(back, await _change(asked, action, _chosen(filters)))
    if not ids:
        raise Refusal(400, "No delivery was ticked: go back and tick those that are meant.")
    return FormResult(back, await _change(asked, action, Chosen(ids=ids)))


def _chosen(filters: Mapping[str, str]) -> Chosen:
    return Chosen(
        state=filters["state"],
        destination=filters["destination"],
        rule=filters["rule"],
        topic=filters["topic"],
        since_s=_since_s(filters["since_s"]),
    )


def _since_s(said: str) -> float | None:
    """What a form says of how far back; what is no number says nothing, and the bounds are those of the API."""
    number = int64_of(said)
    return None if number is None else float(number)


async def _change(asked: OperatorRequest, action: str, chosen: Chosen) -> str:
    match action:
        case "replay":
            count = await answers.replayed(asked, chosen)
            return f"{_deliveries(count)} will be sent again." if count else _NOTHING_DEAD
        case "drop":
            count = await answers.dropped(asked, chosen)
            return f"{_deliveries(count)} dropped." if count else _NOTHING_TO_DROP
        case _:
            raise Refusal(400, "A form can send deliveries again or drop them.")


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"


def _preview(asked: OperatorRequest, delivery: Delivery, names: Mapping[str, str]) -> Any:
    """Exactly what the destination would be sent now, secrets hidden; None when it is no longer configured."""
    destination = asked.source.destinations().get(delivery.new.destination)
    return destination.preview(parcel_of(Leased(delivery, ""))) if destination is not None else None
