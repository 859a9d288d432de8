"""What an incident owes: a firing that was hidden while it still fires, an end hidden from one who was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import SendTarget, entry_for
from rules.deciding.pipeline import Notification, evaluate_state, tell
from rules.deciding.quiet import notes
from rules.deciding.quiet.incident_stages import HEARD_LATE, check_incident_step
from rules.deciding.quiet.rows import Incident, KeyRow, Notified
from rules.deciding.quiet.verdicts import Held, Hidden, Passed, Quieted, QuietVerdict
from rules.deciding.render_post import Scene, overrides_of
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import revive
from rules.ruleset import Rule, SendEntry

LOOK_AGAIN_S: Final = 60.0
LOOK_AGAIN_MOST_S: Final = 900.0
"""How soon, and how seldom at least, a hidden incident is looked at although nothing is known to have ended."""


def learn_firing(
    draft: Draft, notification: Notification, incident: Incident, verdicts: Mapping[str, QuietVerdict]
) -> None:
    """Learn who has been told of a firing by these verdicts, and from whom it was hidden."""
    rule = notification.rule
    flaps = notification.row.flaps if notification.row is not None else None
    for entry in rule.sends:
        slot = entry.slot
        earlier = incident.told.get(slot) or (flaps.told.get(slot) if flaps is not None else None)
        believes = earlier is not None and earlier.shadow <= rule.quiet.shadow
        match verdicts.get(slot):
            case Passed() | Held():
                incident.hidden.pop(slot, None)
                incident.told_us = incident.told_us or draft.now_us
                notified = _record_notified(
                    draft, notification, entry, shadow=rule.quiet.shadow and (earlier is None or earlier.shadow)
                )
                if notification.flaps == "starts" and flaps is not None:
                    incident.told.pop(slot, None)
                    flaps.told[slot] = notified
                else:
                    incident.told[slot] = notified
                    incident.remind_us = draft.now_us + round((rule.quiet.repeat_s or 0) * 1_000_000)
            case Hidden(by) if not believes:
                incident.hidden[slot] = by
            case Quieted("flapping") if not believes:
                incident.hidden[slot] = "flapping"
            case Quieted("throttle"):
                incident.hidden.pop(slot, None)
            case _:
                pass
    incident.look_us = look_us(draft, incident.since_us, verdicts)


def learn_end(
    draft: Draft, notification: Notification, incident: Incident, verdicts: Mapping[str, QuietVerdict]
) -> None:
    """Learn who has been told of the end by these verdicts, and to whom it is still owed."""
    flaps = notification.row.flaps if notification.row is not None else None
    for slot, verdict in verdicts.items():
        match verdict:
            case Passed() | Held():
                notified = incident.told.pop(slot, None)
                incident.hidden.pop(slot, None)
                if notification.flaps == "starts" and flaps is not None and notified is not None:
                    flaps.told[slot] = notified
            case Hidden(by) | Quieted(by):
                if slot in incident.told:
                    incident.hidden[slot] = by
    incident.look_us = look_us(draft, incident.over_us, verdicts)


def look_again(draft: Draft, rule: Rule, row: KeyRow, names: RowNames) -> None:
    """Tell what is owed, as far as nothing hides it any more."""
    incident = row.incident
    if incident is None:
        return
    event, broken = revive(draft.rule_set, rule, incident.event, draft.now_us)
    notification = Notification(
        rule=rule, event=event, phase="firing", names=names, key=row.key, item=event.item, row=row, incident=row.key,
        broken=broken, again=True,
    )  # fmt: skip
    if row.flaps is not None and row.flaps.since_us:
        notification.flaps = "flaps"
    if incident.fires:
        entries = [] if rule.retired else [entry for entry in rule.sends if entry.slot in incident.hidden]
        known = {entry.slot for entry in (*entries, *(step.entry for step in rule.steps))}
        incident.hidden = {slot: by for slot, by in incident.hidden.items() if slot in known}
        if not entries:
            return
        notification.state, failed = evaluate_state(draft, rule, event, "firing")
        notification.broken = broken or failed
        notification.notes = {slot: notes.describe_late_firing(incident, by) for slot, by in incident.hidden.items()}
        addresses = [SendTarget(entry, rule.quiet.shadow) for entry in entries]
        learn_firing(draft, notification, incident, tell(draft, notification, addresses))
        return
    notification.phase = "stale" if incident.ended == "stale" else "resolved"
    notification.state, failed = evaluate_state(draft, rule, event, "resolved")
    notification.broken = broken or failed
    notification.notes = {
        slot: notes.describe_late_end(incident, incident.hidden.get(slot, "delay")) for slot in incident.told
    }
    addresses = [
        SendTarget(
            entry_for(draft.rule_set, rule, slot, notified.to, notified.send, notified.overrides), notified.shadow
        )
        for slot, notified in incident.told.items()
    ]
    learn_end(draft, notification, incident, tell(draft, notification, addresses))
    if not incident.told:
        row.incident = None
        check_incident_step("over", HEARD_LATE, row)


def look_us(draft: Draft, since_us: int, verdicts: Mapping[str, QuietVerdict]) -> int:
    """When to look at hidden ones again: when it is known to end, and seldomer the longer it has lasted."""
    lasted_s = (draft.now_us - since_us) / 1_000_000
    wait_s = min(max(lasted_s / 4, LOOK_AGAIN_S), LOOK_AGAIN_MOST_S)
    known = [v.until_us for v in verdicts.values() if isinstance(v, Hidden) and v.until_us is not None]
    return min([draft.now_us + round(wait_s * 1_000_000), *known])


def _record_notified(draft: Draft, notification: Notification, entry: SendEntry, *, shadow: bool) -> Notified:
    scene = Scene(notification.rule, notification.event, notification.phase)
    overrides = overrides_of(draft.rule_set, scene, draft.now_us, entry)
    return Notified(draft.now_us, entry.to.name, entry.index, overrides, shadow)
