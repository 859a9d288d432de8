"""``escalate:``: who else is told of an incident that goes on, step by step from the first post on.

A step is kept quiet by hours, silences and inhibition as a firing is, and told when they end; it waits neither in a
group nor behind a throttle. Whoever it told hears the end.
"""

from __future__ import annotations

from dataclasses import replace

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import SendTarget
from rules.deciding.pipeline import Notification, tell
from rules.deciding.quiet import notes
from rules.deciding.quiet.pending_notifications import look_us
from rules.deciding.quiet.rows import Incident, KeyRow, Notified
from rules.deciding.quiet.steps import pending_steps
from rules.deciding.quiet.verdicts import Held, Hidden, Passed
from rules.deciding.render_post import Scene, overrides_of
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import revive
from rules.ruleset import EscalationStep, Rule


def escalate(draft: Draft, rule: Rule, row: KeyRow, names: RowNames) -> None:
    """Tell every step whose time has come."""
    incident = row.incident
    if incident is None:
        return
    for at_us, step in pending_steps(rule, incident):
        if at_us <= draft.now_us:
            _take_step(draft, _calling(rule, step), row, incident, names, step)


def _take_step(
    draft: Draft, rule: Rule, row: KeyRow, incident: Incident, names: RowNames, step: EscalationStep
) -> None:
    event, broken = revive(draft.rule_set, rule, incident.event, draft.now_us)
    entry = step.entry
    slot, shadow = entry.slot, rule.quiet.shadow
    notification = Notification(
        rule=rule,
        event=event,
        phase="escalation",
        names=names,
        key=row.key,
        item=event.item,
        row=row,
        notes={"": notes.describe_escalation(incident, incident.hidden.get(slot, ""))},
        incident=row.key,
        broken=broken,
        again=slot in incident.hidden,
    )
    verdicts = tell(draft, notification, [SendTarget(entry, shadow)])
    match verdicts[slot]:
        case Passed() | Held():
            incident.hidden.pop(slot, None)
            overrides = overrides_of(draft.rule_set, Scene(rule, event, "escalation"), draft.now_us, entry)
            incident.told[slot] = Notified(draft.now_us, entry.to.name, entry.index, overrides, shadow)
        case Hidden(by):
            incident.hidden[slot] = by
            incident.step_us = look_us(draft, incident.since_us, verdicts)
        case _:
            pass  # nothing else keeps a step quiet


def _calling(rule: Rule, step: EscalationStep) -> Rule:
    """The rule as its post is made for a step: with whom that calls."""
    if step.mention is None:
        return rule
    return replace(rule, making=replace(rule.making, parts={**rule.making.parts, "mention": step.mention}))
