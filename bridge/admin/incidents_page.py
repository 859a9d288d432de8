"""The page of incidents: what fires, who was told, what keeps it from others, and who took it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control import incidents_api as answers
from bridge.operate.http_answers import OperatorRequest


async def open_ones(asked: OperatorRequest) -> dict[str, Any]:
    """GET /incidents."""
    said = await answers.all_incidents(asked)
    return said | {"rule": asked.query("rule"), "now": asked.source.clock.wall_us()}


async def take(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /incidents: take one in the name of the viewer, or of the name that was typed."""
    rule, key = field(form, "rule"), field(form, "key")
    who = await answers.taken(asked, rule, key, field(form, "who")[:80] or asked.who)
    back = f"/incidents?rule={quote(field(form, 'only'))}" if field(form, "only") else "/incidents"
    return FormResult(back, f"{who} has taken {key or rule}: its reminders stop.")
