"""Incidents: the life of one alert, from firing to resolved. If we said it fires, we will say it is over.

Each slot of a rule is ``told`` (its reader believes that the alert fires) or not. Truth and belief may differ only for
a while: a firing that was hidden is told when what hid it ends and it still fires; an end that was hidden stays owed,
and is told then with a word why it is late (``quiet/pending_notifications.py``). An incident goes when it is
over and nobody is owed anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import SendTarget, entry_for
from rules.deciding.matches import Match
from rules.deciding.pipeline import Notification, addresses_of, evaluate_began_us, evaluate_state, tell
from rules.deciding.quiet import flapping, inhibition, keyrow, notes, straggler, threshold
from rules.deciding.quiet.flapping import Course
from rules.deciding.quiet.incident_stages import (
    ENDED,
    ENDED_HIDDEN,
    MATCHED,
    NoSuchIncidentStep,
    check_incident_step,
    incident_stage,
)
from rules.deciding.quiet.pending_notifications import learn_end, learn_firing
from rules.deciding.quiet.rows import Incident, KeyRow
from rules.deciding.quiet.same import values_at
from rules.deciding.quiet.state_rows import store
from rules.deciding.quiet.steps import forget_doubles
from rules.deciding.state_keys import RowNames
from rules.model import Event
from rules.ruleset import Rule

KEY_FAILED: Final = "key-failed"
"""An end whose key could not be made: nobody knows which incident is over, so no post says it."""


def handle_firing(draft: Draft, match: Match) -> None:
    """Handle an event that matches a rule with ``resolved:``: an incident opens or goes on."""
    rule, key, names = match.rule, match.key, match.names
    row = draft.rows.find(names.key, KeyRow) if key is not None else None
    if key is None or (row is None and keyrow.is_full(draft, rule)):
        item = match.event.item
        tell(
            draft, Notification(rule, match.event, "firing", names, item=item, broken=match.broken), addresses_of(rule)
        )
        return
    row = row or KeyRow(key)
    stored = store(match.event)
    incident = open_incident(draft, rule, row, match.event, stored)
    threshold.count_event(row, rule.quiet.threshold, draft.now_us)
    inhibition.note_firing(draft, names, incident, key, keyrow.forget_us(rule.quiet, incident))
    state, failed = evaluate_state(draft, rule, match.event, "firing")
    flaps = flapping.note(row, rule.quiet.flapping, state, stored, draft.now_us, before="resolved")
    notification = Notification(
        rule=rule,
        event=match.event,
        phase="firing",
        names=names,
        key=key,
        item=match.event.item,
        state=state,
        row=row,
        flaps=flaps,
        notes=_firing_notes(rule, incident, flaps),
        incident=key,
        broken=match.broken or failed,
    )
    learn_firing(draft, notification, incident, tell(draft, notification, addresses_of(rule)))
    keyrow.keep(draft, rule, names.key, row)


def resolves(draft: Draft, match: Match) -> bool:
    """Handle an event that says an incident is over. False when none with its key is open: then the rule does not act.

    An old form of a rule judges the incidents that opened under it, and no others.
    """
    if match.key is None:
        for entry in match.rule.sends if match.broken else ():
            draft.judge(match.event.item, match.rule, entry, "", "updated", KEY_FAILED)
        return False
    row = draft.rows.find(match.names.key, KeyRow)
    if row is None or row.incident is None or incident_stage(row) != "fires":
        return False
    if match.rule.retired and match.rule.judging != row.incident.judging:
        return False
    stored = store(match.event)
    row.incident.event = stored
    straggler.note_end(row, evaluate_began_us(draft, match.rule, match.event), draft.now_us)
    state, failed = evaluate_state(draft, match.rule, match.event, "resolved")
    broken = match.broken or failed
    flaps = flapping.note(row, match.rule.quiet.flapping, state, stored, draft.now_us)
    end(draft, match.rule, row, match.names, match.event, "resolved", flaps=flaps, state=state, broken=broken)
    keyrow.keep(draft, match.rule, match.names.key, row)
    return True


def end(
    draft: Draft,
    rule: Rule,
    row: KeyRow,
    names: RowNames,
    event: Event,
    ended: Literal["resolved", "stale"],
    *,
    flaps: Course = "calm",
    state: str = "resolved",
    broken: str = "",
) -> None:
    """End an incident that fires: tell those who were told that it does. Raises NoSuchIncidentStep for any other."""
    incident, stage = row.incident, incident_stage(row)
    if incident is None:
        raise NoSuchIncidentStep(stage, ENDED)
    inhibition.wake_inhibited(draft, names, incident, row.key)
    incident.ended, incident.over_us, incident.hidden = ended, draft.now_us, {}
    if not rule.quiet.shadow:
        incident.told = {slot: notified for slot, notified in incident.told.items() if not notified.shadow}
    incident.told = forget_doubles(incident.told)
    owed = {**incident.told, **(row.flaps.told if row.flaps is not None else {})}
    notification = Notification(
        rule=rule,
        event=event,
        phase=ended,
        names=names,
        key=row.key,
        item=event.item,
        state=state,
        row=row,
        flaps=flaps,
        notes={"": _end_note(rule, incident, flaps)},
        incident=row.key,
        broken=broken,
    )
    addresses = [
        SendTarget(
            entry_for(draft.rule_set, rule, slot, notified.to, notified.send, notified.overrides), notified.shadow
        )
        for slot, notified in owed.items()
    ]
    learn_end(draft, notification, incident, tell(draft, notification, addresses))
    if ended == "resolved":
        for entry in rule.sends:
            if entry.slot not in owed:
                draft.judge(event.item, rule, entry, row.key, "updated", "told-nobody")
    if not incident.told:
        row.incident = None
    check_incident_step(stage, ENDED if row.incident is None else ENDED_HIDDEN, row)


def open_incident(draft: Draft, rule: Rule, row: KeyRow, event: Event, stored: bytes) -> Incident:
    """The row's incident, firing now: a new one, or the one that goes on (or fires again before its end was told)."""
    incident, stage = row.incident, incident_stage(row)
    if incident is None or not incident.fires:
        same = {
            inhibitor.same_text: values
            for inhibitor in draft.rule_set.same_places.get(rule.name, ())
            if (values := values_at(inhibitor, event)) is not None
        }
        notified = incident.told if incident is not None else {}
        believes = bool(notified or (row.flaps is not None and row.flaps.told))
        incident = Incident(
            draft.now_us,
            draft.now_us,
            stored,
            rule.version,
            rule.judging,
            told=notified,
            same=same,
            began_us=draft.now_us,
            told_us=draft.now_us if believes else 0,
        )
        row.incident = incident
    check_incident_step(stage, MATCHED, row)
    incident.seen_us, incident.event = draft.now_us, stored
    incident.version, incident.judging = rule.version, rule.judging
    return incident


def _firing_notes(rule: Rule, incident: Incident, flaps: Course) -> Mapping[str, str]:
    if flaps == "starts" and rule.quiet.flapping is not None:
        return {"": notes.describe_flapping(rule.quiet.flapping)}
    return {slot: notes.describe_late_firing(incident, by) for slot, by in incident.hidden.items()}


def _end_note(rule: Rule, incident: Incident, flaps: Course) -> str:
    if flaps == "starts" and rule.quiet.flapping is not None:
        return notes.describe_flapping(rule.quiet.flapping)
    if rule.quiet.expects is not None and incident.ended == "resolved":
        return notes.describe_return(incident)
    return notes.describe_staleness(incident) if incident.ended == "stale" else ""
