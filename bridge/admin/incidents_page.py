"""The page of incidents: what fires, who was told, what keeps it from others, and who took it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control.api_queries import IncidentsQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.open_incidents import list_incidents, take_open_incident


async def open_ones(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/incidents``: incidents that fire."""
    query = asked.query(IncidentsQuery)
    page = await list_incidents(asked.context, rule=query.rule, limit=query.limit)
    return msgspec.structs.asdict(page) | {"rule": query.rule, "now": asked.context.clock.wall_us()}


async def take(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /incidents: take one in the name of the viewer, or of the name that was typed."""
    rule, key = field(form, "rule"), field(form, "key")
    who = await take_open_incident(asked.context, asked.by, rule, key, field(form, "who")[:80])
    back = f"/incidents?rule={quote(field(form, 'only'))}" if field(form, "only") else "/incidents"
    return FormResult(back, f"{who} has taken {key or rule}: its reminders stop.")
