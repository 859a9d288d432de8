"""The page of the audit trail: who did what, from where, newest first."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from bridge.control import control_handlers
from bridge.control.api_queries import AuditQuery
from bridge.control.http_answers import OperatorRequest


async def view_audit(asked: OperatorRequest) -> dict[str, Any]:
    """GET /audit: the audit trail, as ``GET /api/audit`` has it."""
    query = asked.query(AuditQuery)
    page = await control_handlers.audit(asked, query)
    chosen = {"who": query.who, "what": query.what, "address": query.address, "target": query.target}
    times = {"from": query.since, "to": query.until, "zone": query.zone}
    older = {name: text for name, text in (chosen | times).items() if text} | {"before": page.next}
    return {
        "entries": page.entries,
        "chosen": chosen,
        "query": query,
        "next": f"/audit?{urlencode(older)}" if page.next is not None else "",
    }
