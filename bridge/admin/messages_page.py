"""Pages of messages: the newest with their fate, and one with every decision about it and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from bridge.admin.safe_markdown import to_html
from bridge.control import messages_api as answers
from bridge.operate.explain_message import explain
from bridge.operate.http_answers import OperatorRequest
from bridge.operate.topic_names import topic_names


async def newest(asked: OperatorRequest) -> dict[str, Any]:
    """GET /messages."""
    said = await answers.newest(asked)
    topic = asked.query("topic")
    older = urlencode({"topic": topic, "before": said["next"] or 0})
    return {
        "messages": said["messages"],
        "topics": list(topic_names(asked).values()),
        "topic": topic,
        "live": not asked.query("before"),
        "next": f"/messages?{older}" if said["next"] is not None else "",
    }


async def one(asked: OperatorRequest) -> dict[str, Any]:
    """GET /messages/why?message=TOPIC:OFFSET: what was decided then, and what would be now."""
    said = await explain(asked)
    recomputed = said["recomputed"] or {"rules": [], "sends": [], "unheard": [], "fate": "", "undecodable": ""}
    acted, passed = _parted(recomputed["rules"])
    return {
        "id": asked.query("message"),
        "message": said["message"],
        "decided": said["decided"],
        "recomputed": recomputed,
        "acted": acted,
        "passed": passed,
        "posts": [send | {"html": to_html(send["post"].text)} for send in recomputed["sends"]],
    }


def _parted(rules: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rules that would act on the message, and those that would not."""
    acted = [rule for rule in rules if rule["judgements"]]
    return acted, [rule for rule in rules if not rule["judgements"]]
