"""The page of the audit trail: who did what, from where, newest first."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from bridge.control import audit_api
from bridge.operate.http_answers import OperatorRequest

_FILTERS: Final = ("who", "what", "address", "target")


async def listed(asked: OperatorRequest) -> dict[str, Any]:
    """GET /audit: as ``GET /api/audit``."""
    page = await audit_api.entries(asked)
    chosen = {name: asked.query(name) for name in _FILTERS}
    older = {name: text for name, text in chosen.items() if text} | {"before": page.next}
    return {
        "entries": page.entries,
        "chosen": chosen,
        "next": f"/audit?{urlencode(older)}" if page.next is not None else "",
    }
