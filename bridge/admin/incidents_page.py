"""The pages of incidents: what fires, who was told, what keeps it from others, who took it; and one key's history."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import FormData

from bridge.admin.handlers import FormResult, field
from bridge.control.api_queries import HistoryQuery, IncidentsQuery
from bridge.control.http_answers import OperatorRequest, Refusal
from bridge.operate.incident_history import read_history
from bridge.operate.open_incidents import give_back_open_incident, list_incidents, take_open_incident
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_silences import begin_silence, silence_span
from bridge.operate.silence_coverage import coverage_text
from rules.source.words import duration_s

QUICK_SPANS: Final = (("30m", "30 min"), ("2h", "2 h"), ("8h", "8 h"), ("1d", "1 d"))
"""How long a silence holds that is begun with a click, and what the buttons say."""
_WHY: Final = "silenced from the page of incidents"


async def open_ones(asked: OperatorRequest) -> dict[str, Any]:
    """The page ``/incidents``: incidents that fire."""
    query = asked.query(IncidentsQuery)
    page = await list_incidents(asked.context, rule=query.rule, limit=query.limit)
    now = asked.context.clock.wall_us()
    return msgspec.structs.asdict(page) | {"rule": query.rule, "now": now, "spans": QUICK_SPANS}


async def view_history(asked: OperatorRequest) -> dict[str, Any]:
    """GET /incidents/key: the history of one key of a rule."""
    query = asked.query(HistoryQuery)
    history = await read_history(asked.context, query.rule, query.key)
    return msgspec.structs.asdict(history) | {"spans": QUICK_SPANS}


async def change(asked: OperatorRequest, form: FormData) -> FormResult:
    """POST /incidents: take one (over), give it back, or keep it quiet for a while; then back to where one was."""
    rule, key = field(form, "rule"), field(form, "key")
    back = f"/incidents?{urlencode({'rule': field(form, 'only')})}" if field(form, "only") else "/incidents"
    if field(form, "back") == "key":
        back = f"/incidents/key?{urlencode({'rule': rule, 'key': key})}"
    named = key or rule
    match field(form, "action"):
        case "" | "take":
            who = await take_open_incident(asked.context, asked.by, rule, key, field(form, "who")[:80])
            return FormResult(back, f"{who} has taken {named}: its reminders stop.")
        case "give-back":
            before = await give_back_open_incident(asked.context, asked.by, rule, key)
            return FormResult(back, f"{named} is nobody's again{f' ({before} had it)' if before else ''}.")
        case "silence":
            return FormResult(back, await _silence(asked, rule, key, field(form, "for")))
        case _:
            raise Refusal(400, "This form says nothing that could be done.")


async def _silence(asked: OperatorRequest, rule: str, key: str, text: str) -> str:
    try:
        for_s = duration_s(text)
    except ValueError as error:
        raise InvalidInput("for", f"How long: {error}") from error
    if not rule:
        raise InvalidInput("rule", "Say which rule.")
    span = silence_span(asked.context.clock.wall_us(), starts_us=None, until_us=None, for_s=for_s)
    matchers = {"rule": rule} | ({"key": key} if key else {})
    made = await begin_silence(asked.context, asked.by, matchers, span, why=_WHY)
    covers = coverage_text(**msgspec.structs.asdict(made.covers))
    return f"{key or rule} is kept quiet for {text}: the silence {covers}."
