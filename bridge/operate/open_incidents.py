"""Lists open incidents and takes one: what fires, since when, who was told, what kept it from others, whose it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from bridge.core.waiting import Turn
from bridge.operate.incident_commands import GivenBack, Taken, give_back_incident, take_incident
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from bridge.routing.commit_batch import present
from rules.deciding.quiet.incident_rows import incident_of
from rules.deciding.quiet.keyrow import reminds
from rules.deciding.quiet.rows import Incident, key_row
from rules.deciding.quiet.state_rows import recall
from rules.deciding.quiet.steps import pending_steps
from rules.ruleset import Rule

_PAGE: Final = 200
_LONGEST_PAGE: Final = 1_000
_READ: Final = 500
_MOST_OPEN: Final = 20_000
"""So many open incidents are read at most; beyond that an answer says that there are more."""
_TURN_S: Final = 0.005
_SHOWN_RUNES: Final = 400
_ID_SIGNS: Final = 16


class ToldView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that believes it fires; in ``shadow`` nobody was told in fact."""

    destination: str
    at: str
    shadow: bool


class HiddenView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that was not told, and what kept it from being told."""

    destination: str
    by: str


class EscalationView(msgspec.Struct, frozen=True, kw_only=True):
    """The next step of an escalation: whom it tells, and when, if nothing happens."""

    destination: str
    at: str


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An open incident: it fires, or it is over (``ended``: resolved or stale) and somebody is still to be told so.

    ``event`` is the text of the last message that fired, cut; ``topic`` and ``offset`` name that message. ``id`` is the
    same for each incident of this rule and key.
    """

    id: str
    rule: str
    key: str
    since: str
    last_seen: str
    taken_by: str
    ended: str
    reminder: str | None
    escalation: EscalationView | None
    told: list[ToldView]
    hidden: list[HiddenView]
    topic: str
    offset: int
    event: str


class IncidentsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The longest open first; ``more`` when there are others beyond the limit.

    ``firing`` is how many fire; ``complete`` is false when there are more than were counted.
    """

    incidents: list[IncidentView]
    more: bool
    firing: int
    complete: bool


class FiringCount(msgspec.Struct, frozen=True):
    """How many incidents fire, and whether all were counted; if not, there are that many and more."""

    firing: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _OpenIncident:
    """An incident with the rule and key that its row is of."""

    rule: str
    key: str
    incident: Incident


async def list_incidents(context: OperatorContext, *, rule: str = "", limit: int | None = None) -> IncidentsPage:
    """The open incidents of one rule or of all. Raises StoreUnavailable."""
    most = min(limit or _PAGE, _LONGEST_PAGE)
    incidents, complete = await _open(context, rule)
    incidents.sort(key=lambda entry: entry.incident.since_us)
    return IncidentsPage(
        incidents=[
            _view(context.in_force.rule_set.by_name.get(incident.rule), incident) for incident in incidents[:most]
        ],
        more=len(incidents) > most or not complete,
        firing=sum(incident.incident.fires for incident in incidents),
        complete=complete,
    )


async def take_open_incident(context: OperatorContext, by: Requester, rule: str, key: str, who: str = "") -> str:
    """Take the incident of a rule and key for ``who``, or else for whoever asks; says whose it is.

    Raises NoSuchThing when none fires, StoreUnavailable.
    """
    outcome = await take_incident(context, by, rule, key, who)
    if not isinstance(outcome, Taken):
        raise NoSuchThing("incident", key, "there is no such incident, or it is over")
    return outcome.who


async def give_back_open_incident(context: OperatorContext, by: Requester, rule: str, key: str) -> str:
    """Let the incident of a rule and key be nobody's; says who had it, "" when nobody had.

    Raises NoSuchThing when none fires, StoreUnavailable.
    """
    outcome = await give_back_incident(context, by, rule, key)
    if not isinstance(outcome, GivenBack):
        raise NoSuchThing("incident", key, "there is no such incident, or it is over")
    return outcome.before


async def find_open_incident(context: OperatorContext, rule: str, key: str) -> IncidentView | None:
    """The open incident of a rule and key, or None. Raises StoreUnavailable."""
    names = tuple(key_row(name, key) for name in _names(context, rule))
    rows = await context.store.state.read(names)
    for name in names:
        row = present(rows[name])
        known = incident_of(name, row.value) if row.value is not None and row.due_us is not None else None
        if known is not None and known.key == key:
            return _view(context.in_force.rule_set.by_name.get(rule), _OpenIncident(rule, key, known.incident))
    return None


def incident_id(rule: str, key: str) -> str:
    """A short name for the incidents of a rule and key."""
    return hashlib.sha256(f"{rule}\x00{key}".encode()).hexdigest()[:_ID_SIGNS]


async def count_firing(context: OperatorContext) -> FiringCount:
    """How many incidents fire now. Raises StoreUnavailable."""
    incidents, complete = await _open(context, "")
    return FiringCount(sum(incident.incident.fires for incident in incidents), complete)


async def _open(context: OperatorContext, rule: str) -> tuple[list[_OpenIncident], bool]:
    """Those open, and whether these are all.

    Each has a due time, so what else rules remember, however much it is, is not looked at.
    """
    incidents: list[_OpenIncident] = []
    turn = Turn(context.clock, _TURN_S)
    for prefix in [f"k/{name}/" for name in _names(context, rule)] if rule else ["k/"]:
        after = ""
        while rows := await context.store.state.list(prefix, _READ, after, timed=True):
            if len(incidents) >= _MOST_OPEN:
                return incidents, False
            after = rows[-1].key
            for row in map(present, rows):
                known = incident_of(row.key, row.value)
                if known is not None:
                    incidents.append(_OpenIncident(row.rule, known.key, known.incident))
            await turn.give()
    return incidents, True


def _names(context: OperatorContext, wanted: str) -> list[str]:
    """Every name under which the rows of a rule may stand."""
    rules = [rule for rule in context.in_force.rule_set.rules if wanted in (rule.name, *rule.was)]
    return [*dict.fromkeys([wanted, *(name for rule in rules for name in (rule.name, *rule.was))])]


def _view(now: Rule | None, entry: _OpenIncident) -> IncidentView:
    incident, event = entry.incident, recall(entry.incident.event)
    reminded = now is not None and incident.fires and reminds(now.quiet, incident)
    return IncidentView(
        id=incident_id(entry.rule, entry.key),
        rule=entry.rule,
        key=entry.key,
        since=rfc3339(incident.since_us),
        last_seen=rfc3339(incident.seen_us),
        taken_by=incident.taken_by,
        ended=incident.ended,
        reminder=rfc3339_or_none(incident.remind_us) if reminded else None,
        escalation=_next_step(now, incident),
        told=[ToldView(destination=to.to, at=rfc3339(to.at_us), shadow=to.shadow) for to in incident.told.values()],
        hidden=[HiddenView(destination=slot.partition(":")[2], by=by) for slot, by in incident.hidden.items()],
        topic=f"projects/{event.message.project}/topics/{event.message.topic}",
        offset=event.message.offset,
        event=event.text[:_SHOWN_RUNES],
    )


def _next_step(now: Rule | None, incident: Incident) -> EscalationView | None:
    steps = pending_steps(now, incident) if now is not None else []
    if not steps:
        return None
    at_us, step = steps[0]
    return EscalationView(destination=step.entry.to.name, at=rfc3339(at_us))
