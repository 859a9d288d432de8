"""Pages of rules: each with its place, what it did, and, for one in shadow, what it would have sent beside the rest."""

from __future__ import annotations

from typing import Any

import msgspec

from bridge.admin.page_views import post_view
from bridge.control.http_answers import OperatorRequest
from bridge.operate.one_rule import MOST_READ, show_rule
from bridge.operate.operator_views import delivery_view
from bridge.operate.rule_views import list_rules
from bridge.operate.topic_names import topic_names
from broker.model import Delivery


async def view_rules(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/rules``: the rules in force."""
    return msgspec.structs.asdict(await list_rules(asked.context))


async def view_rule(asked: OperatorRequest) -> dict[str, Any]:
    """GET /rules/{name}: one rule, its newest deliveries, and its would-be posts beside those of other rules."""
    detail = await show_rule(asked.context, asked.request.path_params["name"])
    names = topic_names(asked.context.broker)

    def view(delivery: Delivery) -> dict[str, Any]:
        return {"d": delivery_view(delivery, names), "post": post_view(delivery)}

    return {
        "rule": detail.rule,
        "version": detail.version,
        "deliveries": [delivery_view(delivery, names) for delivery in detail.sent.deliveries],
        "complete": detail.sent.complete,
        "looked_at": MOST_READ,
        "would_be": [
            view(beside.would_be)
            | {"live": [view(delivery) for delivery in beside.sent.deliveries], "complete": beside.sent.complete}
            for beside in detail.shadows
        ],
    }
