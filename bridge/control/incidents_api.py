"""``/api/incidents``: what fires now, since when, who was told, what kept it from others, and who took it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.destinations.signed_context import PostContext
from bridge.operate.control_context import ControlSource
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.incident_commands import Over, take_incident
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from broker.model import StateRow
from rules.deciding.quiet.rows import Incident, KeyRow, from_bytes
from rules.deciding.quiet.state_rows import recall

_PAGE: Final = 200
_LONGEST_PAGE: Final = 1_000
_LOOKED_AT: Final = 10_000
_COUNTED: Final = 1_000
_SHOWN_RUNES: Final = 400


class ToldView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that believes it fires; in ``shadow`` nobody was told in fact."""

    destination: str
    at: str
    shadow: bool


class HiddenView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that was not told, and what kept it from being told."""

    destination: str
    by: str


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An open incident: it fires, or it is over (``ended``: resolved or stale) and somebody is still to be told so.

    ``event`` is the text of the last message that fired, cut; ``topic`` and ``offset`` name that message.
    """

    rule: str
    key: str
    since: str
    last_seen: str
    taken_by: str
    ended: str
    reminder: str | None
    told: list[ToldView]
    hidden: list[HiddenView]
    topic: str
    offset: int
    event: str


class ToTake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incident to take, and in whose name if not the asker's."""

    rule: str
    key: str
    who: str = ""


async def all_incidents(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/incidents: the longest open first; ``more`` when there are others beyond the limit."""
    limit = min(asked.number("limit") or _PAGE, _LONGEST_PAGE)
    found, complete = await _open(asked.source, asked.query("rule"), _LOOKED_AT)
    found.sort(key=lambda one: one[2].since_us)
    return {"incidents": [_view(*one) for one in found[:limit]], "more": len(found) > limit or not complete}


async def take(asked: OperatorRequest) -> dict[str, str]:
    """POST /api/incidents:take: no more reminders, and everybody sees who looks after it."""
    said = await asked.body(ToTake)
    return {"taken_by": await taken(asked.source, said.rule, said.key, said.who or asked.who)}


async def taken(source: ControlSource, rule: str, key: str, who: str) -> str:
    """Take the incident of a rule and key for ``who``. Raises Refusal when none fires, StoreUnavailable."""
    card = PostContext(delivery="", post="", rule=rule, key=key, incident=key, expires_us=0)
    if isinstance(await take_incident(source, card, who), Over):
        raise Refusal(404, "there is no such incident, or it is over")
    return who


async def firing(source: ControlSource) -> tuple[int, bool]:
    """How many incidents fire, and whether all rows were looked at: cheap enough to ask every few seconds."""
    found, complete = await _open(source, "", _COUNTED)
    return sum(incident.fires for _, _, incident in found), complete


async def _open(source: ControlSource, rule: str, most: int) -> tuple[list[tuple[str, str, Incident]], bool]:
    """Rule, key and incident of those open, looking at ``most`` rows of each rule, and whether these were all."""
    found: list[tuple[str, str, Incident]] = []
    complete = True
    for name in _names(source, rule):
        rows = await source.store.state.list(f"k/{name}/", most)
        complete = complete and len(rows) < most
        for row in rows:
            incident, key = _incident(row)
            if incident is not None:
                found.append((name, key, incident))
    return found, complete


def _names(source: ControlSource, wanted: str) -> list[str]:
    """Rules that may have incidents, retired ones included, under every name their rows may stand."""
    rules = [one for one in source.in_force.rule_set.rules if one.quiet.resolved is not None]
    names = dict.fromkeys(name for one in rules for name in (one.name, *one.was))
    return [name for name in names if wanted in ("", name)]


def _incident(row: StateRow) -> tuple[Incident | None, str]:
    known = from_bytes(row.key, row.value) if row.value is not None else None
    return (known.incident, known.key) if isinstance(known, KeyRow) else (None, "")


def _view(rule: str, key: str, incident: Incident) -> IncidentView:
    event = recall(incident.event)
    return IncidentView(
        rule=rule,
        key=key,
        since=rfc3339(incident.since_us),
        last_seen=rfc3339(incident.seen_us),
        taken_by=incident.taken_by,
        ended=incident.ended,
        reminder=rfc3339_or_none(incident.remind_us) if incident.fires and not incident.taken_by else None,
        told=[ToldView(destination=one.to, at=rfc3339(one.at_us), shadow=one.shadow) for one in incident.told.values()],
        hidden=[HiddenView(destination=slot.partition(":")[2], by=by) for slot, by in incident.hidden.items()],
        topic=f"projects/{event.message.project}/topics/{event.message.topic}",
        offset=event.message.offset,
        event=event.text[:_SHOWN_RUNES],
    )
