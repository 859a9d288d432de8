"""Pages of deliveries: the inbox, the outbox with its dead letters, and one delivery with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.admin.page_views import post_view
from bridge.control import control_handlers
from bridge.control.api_queries import DeliveriesQuery
from bridge.control.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_deliveries import (
    DeliveryFilter,
    drop_deliveries,
    list_inbox,
    list_replaced,
    preview_delivery,
    read_delivery,
    replay_deliveries,
)
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_views import attempt_view, delivery_view
from bridge.operate.rule_views import rule_names
from bridge.operate.topic_names import topic_names
from broker.model import DeliveryState
from rules.source.bounds import count_of

_FILTERS: Final = ("state", "destination", "rule", "topic", "since_s", "from", "to", "zone")
_PAGING: Final = ("limit", "before")
_NOTHING_DEAD: Final = "Nothing to send again: only dead letters are."
_NOTHING_TO_DROP: Final = "Nothing to drop: only dead letters are, and what waits."
SINCES: Final = (("3600", "1 hour"), ("86400", "24 hours"), ("604800", "7 days"))


async def view_inbox(asked: OperatorRequest) -> dict[str, Any]:
    """GET /inbox: posts delivered to destinations of kind inbox, newest first."""
    inbox_posts = await list_inbox(asked.context)
    return {"posts": [post_view(delivery) for delivery in inbox_posts.deliveries], "inboxes": inbox_posts.inboxes}


async def view_deliveries(asked: OperatorRequest) -> dict[str, Any]:
    """GET /deliveries: a page of deliveries, with what a person can choose."""
    context, query = asked.context, asked.query(DeliveriesQuery)
    page = await control_handlers.deliveries(asked, query)
    chosen = {name: _text(value) for name, value in msgspec.to_builtins(query).items() if name not in _PAGING}
    older = {name: text for name, text in chosen.items() if text} | {"before": page.next}
    known = [*context.destinations()]
    return {
        "deliveries": page.deliveries,
        "states": get_args(DeliveryState),
        "destinations": known if chosen["destination"] in ("", *known) else [*known, chosen["destination"]],
        "rules": rule_names(context),
        "topics": list(topic_names(context.broker).values()),
        "sinces": SINCES,
        "chosen": chosen,
        "next": f"/deliveries?{urlencode(older)}" if page.next is not None else "",
    }


async def view_delivery(asked: OperatorRequest) -> dict[str, Any]:
    """GET /deliveries/{id}: the post as it looks and as it goes out, every attempt, and what it was folded with."""
    context = asked.context
    try:
        stored = await read_delivery(context, asked.request.path_params["id"])
    except NoSuchThing as error:
        raise Refusal(404, "There is no such delivery; it may be past its retention.") from error
    delivery, replaced = stored.delivery, await list_replaced(context, stored.delivery)
    return {
        "d": delivery_view(delivery, topic_names(context.broker)),
        "post": post_view(delivery),
        "attempts": [attempt_view(attempt) for attempt in stored.attempts],
        "preview": preview_delivery(context, delivery),
        "known_rule": delivery.new.rule in rule_names(context),
        "order_key": delivery.new.order_key,
        "into": delivery.by if delivery.state in ("folded", "cancelled") else "",
        "folded": replaced.deliveries,
        "more_folded": f"/deliveries?into={delivery.id}&before={replaced.next}" if replaced.next else "",
    }


async def change_one(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /deliveries/{id}: send a dead letter again, or drop it or one that waits."""
    delivery_id = asked.request.path_params["id"]
    return FormResult(f"/deliveries/{delivery_id}", await _change(asked, field(form, "action"), [delivery_id]))


async def change_many(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /deliveries: the same with the ticked ones, or with all that the filter fits."""
    filters = {name: field(form, name) for name in _FILTERS}
    back = f"/deliveries?{urlencode({name: text for name, text in filters.items() if text})}"
    ids = [str(value) for value in form.getlist("id")]
    action, _, scope = field(form, "action").partition("-")
    if scope == "all":
        return FormResult(back, await _change(asked, action, [], _filter(filters)))
    if not ids:
        raise InvalidInput("id", "No delivery was ticked: go back and tick those that are meant.")
    return FormResult(back, await _change(asked, action, ids))


def _filter(form: Mapping[str, str]) -> DeliveryFilter:
    return DeliveryFilter(
        state=form["state"],
        destination=form["destination"],
        rule=form["rule"],
        topic=form["topic"],
        since_s=_since_s(form["since_s"]),
        since=form["from"],
        until=form["to"],
        zone=form["zone"],
    )


def _since_s(text: str) -> float | None:
    """What a form says of how far back. Raises InvalidInput for what is no number: less would be meant than is done."""
    number = count_of(text)
    if text and number is None:
        raise InvalidInput("since_s", f"since_s must be a whole number, not {text[:40]!r}")
    return None if number is None else float(number)


async def _change(asked: OperatorRequest, action: str, ids: list[str], wanted: DeliveryFilter | None = None) -> str:
    match action:
        case "replay":
            count = await replay_deliveries(asked.context, asked.by, ids, wanted)
            return f"{_deliveries(count)} will be sent again." if count else _NOTHING_DEAD
        case "drop":
            count = await drop_deliveries(asked.context, asked.by, ids, wanted)
            return f"{_deliveries(count)} dropped." if count else _NOTHING_TO_DROP
        case _:
            raise InvalidInput("action", "A form can send deliveries again or drop them.")


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"


def _text(value: object) -> str:
    return "" if value is None else str(value)
