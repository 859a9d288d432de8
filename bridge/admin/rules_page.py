"""Pages of rules: each with its place, what it did, and, for one in shadow, what it would have sent beside the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from bridge.admin.page_views import post_view
from bridge.control.http_answers import OperatorRequest
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.operator_views import delivery_view
from bridge.operate.rule_views import list_rules
from bridge.operate.topic_names import topic_names
from broker.model import Delivery, DeliveryQuery

_SHOWN: Final = 20
_READ: Final = 200
_MOST_READ: Final = 5_000
"""So many deliveries are looked at most for those that were no shadows; a page that found fewer says so."""


async def all_rules(asked: OperatorRequest) -> dict[str, Any]:
    """GET /rules."""
    return msgspec.structs.asdict(await list_rules(asked.context))


async def one(asked: OperatorRequest) -> dict[str, Any]:
    """GET /rules/{name}: one rule, its newest deliveries, and its would-be posts beside those of other rules."""
    page = await list_rules(asked.context)
    name = asked.request.path_params["name"]
    rule = next((rule for rule in page.rules if rule.name == name), None)
    if rule is None:
        raise NoSuchThing(
            "rule", name, f'There is no rule "{name[:100]}" in force; it may have been renamed or removed.'
        )
    outbox, names = asked.context.store.outbox, topic_names(asked.context.broker)
    found, complete = await _sent(asked, DeliveryQuery(rule=name, limit=_READ), _SHOWN)
    shadows = await outbox.find(DeliveryQuery(state="shadow", rule=name, limit=_SHOWN))
    return {
        "rule": rule,
        "version": page.version,
        "deliveries": [delivery_view(one, names) for one in found],
        "complete": complete,
        "looked_at": _MOST_READ,
        "would_be": [await _beside(asked, shadow) for shadow in shadows],
    }


async def _beside(asked: OperatorRequest, would_be: Delivery) -> dict[str, Any]:
    """A would-be post, and what other rules sent for the same message."""
    new, names = would_be.new, topic_names(asked.context.broker)
    live: Sequence[Delivery] = ()
    complete = True
    if new.offset >= 0:
        query = DeliveryQuery(topic_uid=new.topic_uid, offset=new.offset, limit=_READ)
        live, complete = await _sent(asked, query, _SHOWN)
    return {
        "d": delivery_view(would_be, names),
        "post": post_view(would_be),
        "live": [{"d": delivery_view(one, names), "post": post_view(one)} for one in live],
        "complete": complete,
    }


async def _sent(asked: OperatorRequest, query: DeliveryQuery, most: int) -> tuple[Sequence[Delivery], bool]:
    """The newest ``most`` that fit and were no shadows, and whether there are no others if these are fewer."""
    found: list[Delivery] = []
    for _ in range(_MOST_READ // query.limit):
        page = await asked.context.store.outbox.find(query)
        found += [one for one in page if one.state != "shadow"]
        if len(found) >= most or len(page) < query.limit:
            return found[:most], True
        query = replace(query, before_seq=page[-1].seq)
    return found, False
