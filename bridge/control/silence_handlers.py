"""The routes that change silences, and that say beforehand what one would keep quiet."""

from __future__ import annotations

from bridge.control.api_bodies import SilenceAnswer, SilenceChange, ToPreview
from bridge.control.api_queries import HistoryQuery
from bridge.control.control_handlers import needs, refuses
from bridge.control.http_answers import OperatorRequest
from bridge.operate.incident_history import KeyHistory, read_history
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_silences import change_span
from bridge.operate.operator_times import read_time_us
from bridge.operate.silence_preview import SilencePreview, preview_silence


@needs("look")
async def preview(asked: OperatorRequest, body: ToPreview) -> SilencePreview:
    """POST /api/silences:preview: what matchers would have kept quiet in the last days, and would now."""
    return await preview_silence(asked.context, body.matchers)


@needs("respond")
@refuses(NoSuchThing)
async def change(asked: OperatorRequest, id: str, body: SilenceChange) -> SilenceAnswer:  # noqa: A002 - the path's name
    """POST /api/silences/{id}:change: it ends then, later or earlier, or has another reason."""
    try:
        until_us = read_time_us(body.until) if body.until else None
    except ValueError as error:
        raise InvalidInput("until", str(error)) from error
    changed = await change_span(
        asked.context, asked.by, id, until_us=until_us, for_s=body.for_s, longer_s=body.longer_s, why=body.why
    )
    return SilenceAnswer(changed)


async def history(asked: OperatorRequest, query: HistoryQuery) -> KeyHistory:
    """GET /api/incidents/history: what was sent of one key, what kept it quiet, and what people did about it."""
    return await read_history(asked.context, query.rule, query.key)
