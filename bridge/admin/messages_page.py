"""Pages of messages: the newest with their fate, and one with every decision about it and the reasons."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from bridge.admin.safe_markdown import to_html
from bridge.control.api_queries import ExplainQuery, MessagesQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.explain_message import explain_named
from bridge.operate.explain_views import ExplanationView
from bridge.operate.operator_messages import list_messages
from bridge.operate.time_spans import read_span_or_none
from bridge.operate.topic_names import topic_names

_NOTHING = ExplanationView(version="", topic="", fate="", undecodable="", rules=[], unheard=[], sends=[])
"""What is computed of a message that is gone."""


async def view_messages(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/messages``: the newest messages."""
    query = asked.query(MessagesQuery)
    span = read_span_or_none(query.since, query.until, query.zone, asked.context.clock.wall_us())
    page = await list_messages(asked.context, query.topic, before=query.before, limit=query.limit, span=span)
    times = {"from": query.since, "to": query.until, "zone": query.zone} if span is not None else {}
    older = urlencode({"topic": query.topic, **times, "before": page.next or 0})
    return {
        "messages": page.messages,
        "topics": list(topic_names(asked.context.broker).values()),
        "topic": query.topic,
        "live": not query.before and span is None,
        "query": query,
        "complete": page.complete,
        "next": f"/messages?{older}" if page.next is not None else "",
    }


async def view_message(asked: OperatorRequest) -> dict[str, Any]:
    """GET /messages/why?message=TOPIC:OFFSET: what was decided then, and what would be now."""
    message = asked.query(ExplainQuery).message
    explained = await explain_named(asked.context, message)
    recomputed = explained.recomputed or _NOTHING
    return {
        "id": message,
        "message": explained.message,
        "decided": explained.decided,
        "recomputed": recomputed,
        "acted": [rule for rule in recomputed.rules if rule.judgements],
        "passed": [rule for rule in recomputed.rules if not rule.judgements],
        "posts": [msgspec.structs.asdict(send) | {"html": to_html(send.post.text)} for send in recomputed.sends],
    }
