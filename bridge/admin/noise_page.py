"""The page of noise: which rules and keys told most lately, and what of it nobody needed."""

from __future__ import annotations

from typing import Any

from bridge.control.api_queries import NoiseQuery
from bridge.control.http_answers import OperatorRequest
from bridge.operate.noise_report import NOISE_SINCE_S, report_noise

_DAY_S = 86_400
_SPANS = ((1, "1 day"), (7, "7 days"), (30, "30 days"))


async def view_noise(asked: OperatorRequest) -> dict[str, Any]:
    """GET /noise: the report of ``GET /api/noise``."""
    query = asked.query(NoiseQuery)
    since_s = query.since_s or NOISE_SINCE_S
    return {
        "report": await report_noise(asked.context, since_s=since_s, hours=query.hours, limit=query.limit),
        "since_s": since_s,
        "spans": [(days * _DAY_S, text) for days, text in _SPANS],
        "hours": query.hours,
        "intervals": sorted(asked.context.settings().intervals),
    }
