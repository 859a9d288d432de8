"""The end of flapping: "calm again" for those who were told that it flaps, with where it came to rest.

For them this is also the end of the incident, if it rests resolved; if it rests firing, they now know that it fires.
"""

from __future__ import annotations

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import SendTarget, entry_for
from rules.deciding.pipeline import Notification, tell
from rules.deciding.quiet import flapping, notes
from rules.deciding.quiet.incident_stages import incident_stage
from rules.deciding.quiet.pending_notifications import look_us
from rules.deciding.quiet.rows import KeyRow
from rules.deciding.quiet.verdicts import Held, Hidden, Passed
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import revive
from rules.ruleset import Rule


def calm_down(draft: Draft, rule: Rule, row: KeyRow, names: RowNames) -> None:
    """Tell the calm; where it is hidden it stays owed, and the key counts as flapping until it is told."""
    flaps = row.flaps
    if flaps is None:
        return
    if flaps.told and flaps.event:
        event, broken = revive(draft.rule_set, rule, flaps.event, draft.now_us)
        fires = incident_stage(row) == "fires"
        notification = Notification(
            rule=rule,
            event=event,
            phase="calm",
            names=names,
            key=row.key,
            item=event.item,
            state=flaps.state,
            row=row,
            notes={"": notes.calm_again(flaps)},
            incident=row.key if rule.quiet.has_life else "",
            broken=broken,
            again=True,
        )
        addresses = [
            SendTarget(
                entry_for(draft.rule_set, rule, slot, notified.to, notified.send, notified.overrides), notified.shadow
            )
            for slot, notified in flaps.told.items()
        ]
        verdicts = tell(draft, notification, addresses)
        flaps.hidden = {slot: verdict.by for slot, verdict in verdicts.items() if isinstance(verdict, Hidden)}
        for slot, verdict in verdicts.items():
            if isinstance(verdict, Passed | Held):
                notified = flaps.told.pop(slot)
                if fires and row.incident is not None:
                    row.incident.told[slot] = notified
        flaps.calm_us = look_us(draft, flaps.since_us, verdicts)
    if not flaps.told:
        flapping.settle(flaps)
