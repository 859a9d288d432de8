"""Reads incidents out of stored rows for those outside the rules, who know rows only as a name and bytes. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rules.deciding.quiet.repeat import give_back, take
from rules.deciding.quiet.rows import Incident, KeyRow, row_from_bytes
from rules.deciding.quiet.silences import CompiledSilence, Facts
from rules.deciding.render_post import severity_of
from rules.deciding.vars import revive
from rules.model import Event
from rules.ruleset import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class KeyIncident:
    """The incident of a key: it fires, or is over and somebody is still to be told so."""

    key: str
    incident: Incident


@dataclass(frozen=True, slots=True)
class TakenRow:
    """The row of a firing incident once it was taken: who had it before ("" nobody), and the row's new value."""

    before: str
    value: bytes


@dataclass(frozen=True, slots=True)
class GivenBackRow:
    """The row of a firing incident that is nobody's any more: who had it ("" nobody), and the row's new value.

    ``remind_us`` is when somebody is to be reminded, not before now; None when no reminder was planned.
    """

    before: str
    value: bytes
    remind_us: int | None


def incident_of(name: str, value: bytes | None) -> KeyIncident | None:
    """The incident that a row holds; None when it holds none, or is no row of a key."""
    row = row_from_bytes(name, value) if value is not None else None
    if not isinstance(row, KeyRow) or row.incident is None:
        return None
    return KeyIncident(row.key, row.incident)


def firing_incident(name: str, value: bytes | None) -> Incident | None:
    """The incident that a row holds, if it fires."""
    incident = incident_of(name, value)
    return incident.incident if incident is not None and incident.incident.fires else None


def take_row(name: str, value: bytes | None, who: str) -> TakenRow | None:
    """The row once ``who`` has taken its incident (semantics.md item 34); None when none fires in it."""
    incident = firing_incident(name, value)
    taken = take(value, who) if incident is not None and value is not None else None
    return TakenRow(incident.taken_by, taken) if incident is not None and taken is not None else None


def give_back_row(name: str, value: bytes | None, now_us: int) -> GivenBackRow | None:
    """The row once its incident is given back, with its reminders; None when none fires in it."""
    incident = firing_incident(name, value)
    given = give_back(value) if incident is not None and value is not None else None
    if incident is None or given is None:
        return None
    return GivenBackRow(incident.taken_by, given, max(incident.remind_us, now_us) if incident.remind_us else None)


def fits_incident(
    silence: CompiledSilence, rule_set: RuleSet, rule: Rule, name: str, value: bytes | None, now_us: int
) -> bool:
    """Whether a silence would keep something quiet of the incident that fires in a row of ``rule``."""
    incident = incident_of(name, value)
    if incident is None or not incident.incident.fires:
        return False
    event, _ = revive(rule_set, rule, incident.incident.event, now_us)
    severity = _severity(rule_set, rule, event, now_us)
    topic = f"projects/{event.message.project}/topics/{event.message.topic}"
    texts = [notified.to for notified in incident.incident.told.values()]
    return any(
        silence.fits(Facts(rule.name, topic, destination, incident.key, severity), event, now_us)
        for destination in dict.fromkeys([*(entry.to.name for entry in rule.entries), *texts])
    )


def _severity(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> Callable[[], str]:
    """Worked out only where a silence asks for it: it is a template."""
    return lambda: severity_of(rule_set, rule, event, now_us)
