"""``/api/incidents``: what fires now, since when, who was told, what kept it from others, and who took it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.core.waiting import Turn
from bridge.destinations.signed_context import PostContext
from bridge.operate.control_context import ControlSource
from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.incident_commands import Taken, take_incident
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from bridge.routing.commit_batch import present
from broker.model import StateRow
from rules.deciding.quiet.keyrow import reminds
from rules.deciding.quiet.rows import Incident, KeyRow, from_bytes
from rules.deciding.quiet.state_rows import recall
from rules.ruleset import Rule

_PAGE: Final = 200
_LONGEST_PAGE: Final = 1_000
_READ: Final = 500
_MOST_OPEN: Final = 20_000
"""So many open incidents are read at most; beyond that an answer says that there are more."""
_TURN_S: Final = 0.005
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
    found, complete = await _open(asked.source, asked.query("rule"))
    found.sort(key=lambda one: one[2].since_us)
    views = [_view(_rule_of(asked.source, rule), rule, key, one) for rule, key, one in found[:limit]]
    return {
        "incidents": views,
        "more": len(found) > limit or not complete,
        "firing": sum(one.fires for _, _, one in found),
        "complete": complete,
    }


async def take(asked: OperatorRequest) -> dict[str, str]:
    """POST /api/incidents:take: no more reminders, and everybody sees who looks after it."""
    said = await asked.body(ToTake)
    return {"taken_by": await taken(asked, said.rule, said.key, said.who or asked.who)}


async def taken(asked: OperatorRequest, rule: str, key: str, who: str) -> str:
    """Take the incident of a rule and key for ``who``. Raises Refusal when none fires, StoreUnavailable."""
    card = PostContext(delivery="", post="", rule=rule, key=key, incident=key, expires_us=0)
    outcome = await take_incident(asked.source, card, who)
    if not isinstance(outcome, Taken):
        raise Refusal(404, "there is no such incident, or it is over")
    await asked.note("incident.take", f"{rule}: {key}", before={"taken_by": outcome.before}, after={"taken_by": who})
    return who


async def firing(source: ControlSource) -> tuple[int, bool]:
    """How many incidents fire, and whether all were counted; if not, there are that many and more."""
    found, complete = await _open(source, "")
    return sum(incident.fires for _, _, incident in found), complete


async def _open(source: ControlSource, rule: str) -> tuple[list[tuple[str, str, Incident]], bool]:
    """Rule, key and incident of those open, and whether these are all.

    Each has a due time, so what else rules remember, however much it is, is not looked at.
    """
    found: list[tuple[str, str, Incident]] = []
    turn = Turn(source.clock, _TURN_S)
    for prefix in [f"k/{name}/" for name in _names(source, rule)] if rule else ["k/"]:
        after = ""
        while rows := await source.store.state.list(prefix, _READ, after, timed=True):
            if len(found) >= _MOST_OPEN:
                return found, False
            after = rows[-1].key
            for row in rows:
                incident, key = _incident(row)
                if incident is not None:
                    found.append((row.rule, key, incident))
            await turn.give()
    return found, True


def _names(source: ControlSource, wanted: str) -> list[str]:
    """Every name under which the rows of a rule may stand."""
    rules = [one for one in source.in_force.rule_set.rules if wanted in (one.name, *one.was)]
    return [*dict.fromkeys([wanted, *(name for one in rules for name in (one.name, *one.was))])]


def _rule_of(source: ControlSource, name: str) -> Rule | None:
    return source.in_force.rule_set.by_name.get(name)


def _incident(row: StateRow) -> tuple[Incident | None, str]:
    row = present(row)
    known = from_bytes(row.key, row.value) if row.value is not None else None
    return (known.incident, known.key) if isinstance(known, KeyRow) else (None, "")


def _view(now: Rule | None, rule: str, key: str, incident: Incident) -> IncidentView:
    event = recall(incident.event)
    reminded = now is not None and incident.fires and reminds(now.quiet, incident)
    return IncidentView(
        rule=rule,
        key=key,
        since=rfc3339(incident.since_us),
        last_seen=rfc3339(incident.seen_us),
        taken_by=incident.taken_by,
        ended=incident.ended,
        reminder=rfc3339_or_none(incident.remind_us) if reminded else None,
        told=[ToldView(destination=one.to, at=rfc3339(one.at_us), shadow=one.shadow) for one in incident.told.values()],
        hidden=[HiddenView(destination=slot.partition(":")[2], by=by) for slot, by in incident.hidden.items()],
        topic=f"projects/{event.message.project}/topics/{event.message.topic}",
        offset=event.message.offset,
        event=event.text[:_SHOWN_RUNES],
    )
