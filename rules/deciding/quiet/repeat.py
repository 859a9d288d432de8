"""``repeat: 4h``: while an incident fires, those who were told are reminded; until somebody takes it."""

from __future__ import annotations

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import SendTarget
from rules.deciding.pipeline import Notification, evaluate_state, tell
from rules.deciding.quiet import notes
from rules.deciding.quiet.rows import KeyRow, row_from_bytes, row_to_bytes
from rules.deciding.quiet.steps import forget_doubles
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import revive
from rules.ruleset import Rule


def remind(draft: Draft, rule: Rule, row: KeyRow, names: RowNames) -> None:
    """Remind those who know that an incident fires; the next time is ``repeat`` from now, told or not."""
    incident = row.incident
    if incident is None or rule.quiet.repeat_s is None:
        return
    incident.remind_us = draft.now_us + round(rule.quiet.repeat_s * 1_000_000)
    event, broken = revive(draft.rule_set, rule, incident.event, draft.now_us)
    state, failed = evaluate_state(draft, rule, event, "firing")
    notification = Notification(
        rule=rule,
        event=event,
        phase="reminder",
        names=names,
        key=row.key,
        item=event.item,
        state=state,
        row=row,
        notes={"": notes.describe_reminder(incident)},
        incident=row.key,
        broken=broken or failed,
    )
    readers = forget_doubles(incident.told)
    known = [entry for entry in rule.entries if entry.slot in readers]
    tell(draft, notification, [SendTarget(entry, incident.told[entry.slot].shadow) for entry in known])


def give_back(value: bytes) -> bytes | None:
    """The ``k/`` row with its incident taken by nobody, so that reminders begin anew; None when none fires in it."""
    return take(value, "")


def take(value: bytes, who: str) -> bytes | None:
    """The ``k/`` row with its incident taken by ``who``, whom the reminders then leave in peace (semantics.md item 34).

    None when the row holds no firing incident. The caller writes it back with the times the row had.
    """
    row = row_from_bytes("k", value)
    if not isinstance(row, KeyRow) or row.incident is None or not row.incident.fires:
        return None
    row.incident.taken_by = who
    return row_to_bytes(row)
