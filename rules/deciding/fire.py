"""fire: what a due timer leads to. Pure, like ``decide``, and entered in the same books.

A timer is a row of state that is due: a key (a reminder, something owed, a calm, an incident nobody speaks of), a
group, a throttle, or the firing incidents of a rule that kept others quiet. If its row has moved since it was handed
out, nothing happens: it is due again, or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rules.deciding import scheduled
from rules.deciding.decision_builder import DecideContext, Draft
from rules.deciding.quiet import flapping, group, heartbeat, incidents, inhibition, keyrow, throttle, watch
from rules.deciding.quiet.escalation import escalate
from rules.deciding.quiet.pending_notifications import look_again
from rules.deciding.quiet.quiet_period import calm_down
from rules.deciding.quiet.repeat import remind
from rules.deciding.quiet.rows import (
    FiringRow,
    GroupRow,
    KeyRow,
    ScheduleRow,
    ThrottleRow,
    WatchRow,
    row_from_bytes,
    rule_of,
)
from rules.deciding.state_keys import RowNames, names_by_rule, row_names, throttle_names
from rules.deciding.vars import revive
from rules.model import Decision, StateValue, Timer
from rules.rendering.budget import charge_per_message
from rules.ruleset import Rule, RuleSet, orphan

REST_US: Final = 100_000
"""How long the timer of a key rests at least after it has fired."""
FREED_AT_ONCE: Final = 200
"""How many freed incidents one firing wakes; the rest follow in the next."""


def needs_for(rule_set: RuleSet, timer: Timer) -> tuple[str, ...]:
    """The state keys that ``fire`` needs, the timer's own row first."""
    rule = rule_for(rule_set, timer.key)
    needs = dict.fromkeys((timer.key, *names_by_rule(timer.key, rule)))
    match row_from_bytes(timer.key, timer.value):
        case KeyRow() as row:
            needs.update(dict.fromkeys(_names(rule_set, rule, timer, row).all()))
            needs.update(dict.fromkeys(watch.watch_names(rule) if row.beat is not None else ()))
        case GroupRow():
            needs.update(dict.fromkeys(throttle_names(rule)))
        case FiringRow() as row:
            needs.update(dict.fromkeys(inhibition.free(row, FREED_AT_ONCE)))
        case WatchRow() as row:
            needs.update(dict.fromkeys(watch.rows_to_enter(rule, row)))
        case ThrottleRow() | ScheduleRow():
            pass
    return tuple(needs)


@charge_per_message
def fire(rule_set: RuleSet, timer: Timer, state: Mapping[str, StateValue], context: DecideContext) -> Decision:
    """Fire a due timer: all that follows from it; ``state`` holds every key of ``needs_for``.

    Nothing when the row has moved.
    """
    value = state[timer.key]
    if value.value is None or value.value != timer.value:
        return Decision()
    draft = Draft(rule_set, state, context, timer.origin)
    rule = rule_for(rule_set, timer.key)
    own = names_by_rule(timer.key, rule)
    match row_from_bytes(timer.key, value.value):
        case KeyRow():
            _fire_key(draft, rule, timer, own)
        case GroupRow():
            collected = draft.rows.find(own, GroupRow)
            if collected is not None:
                values = collected.name
                group.flush(
                    draft, rule, RowNames(group=own, group_values=values, throttle=throttle_names(rule)), collected
                )
        case ThrottleRow():
            throttled = draft.rows.find(own, ThrottleRow)
            if throttled is not None:
                throttle.fire(draft, rule, own, throttled)
        case FiringRow():
            _wake(draft, own)
        case WatchRow():
            watching = draft.rows.find(own, WatchRow)
            if watching is not None:
                watch.tick(draft, rule, own, watching)
        case ScheduleRow():
            planned = draft.rows.find(own, ScheduleRow)
            if planned is not None:
                scheduled.report_if_due(draft, rule, own, planned)
    return draft.decision(None)


def rule_for(rule_set: RuleSet, key: str) -> Rule:
    """The rule of a row; when it is gone without a trace, one that has only its name and tells in plain form."""
    name = rule_of(key)
    return rule_set.by_name.get(name) or orphan(name)


def _fire_key(draft: Draft, rule: Rule, timer: Timer, own: tuple[str, ...]) -> None:
    row = draft.rows.find(own, KeyRow)
    if row is None:
        return
    names = _names(draft.rule_set, rule, timer, row)
    settled = heartbeat.look(draft, rule, row, names)
    now_us, incident = draft.now_us, row.incident
    if incident is not None and incident.fires and keyrow.forget_us(rule.quiet, incident) <= now_us:
        event, broken = revive(draft.rule_set, rule, incident.event, now_us)
        incidents.end(draft, rule, row, names, event, "stale", broken=broken)
        settled, row.beat = True, None
    if row.flaps is not None and flapping.is_calm(row.flaps, rule.quiet.flapping, now_us):
        calm_down(draft, rule, row, names)
    incident = row.incident
    if incident is not None and (incident.hidden or not incident.fires) and not settled:
        look_again(draft, rule, row, names)
        incident = row.incident
    if (
        incident is not None
        and incident.fires
        and keyrow.reminds(rule.quiet, incident)
        and incident.remind_us <= now_us
    ):
        remind(draft, rule, row, names)
    escalate(draft, rule, row, names)
    keyrow.keep(draft, rule, names.key, row, rest_us=REST_US)


def _wake(draft: Draft, own: tuple[str, ...]) -> None:
    """Let incidents that nothing in this row keeps quiet any more be looked at now."""
    firing = draft.rows.find(own, FiringRow)
    if firing is None:
        return
    for key in inhibition.free(firing, FREED_AT_ONCE):
        rule = rule_for(draft.rule_set, key)
        row = draft.rows.find((key,), KeyRow)
        if row is not None and row.incident is not None and (row.incident.hidden or not row.incident.fires):
            row.incident.look_us = row.incident.step_us = draft.now_us
            keyrow.keep(draft, rule, (key,), row)
    inhibition.keep(draft, own, firing)


def _names(rule_set: RuleSet, rule: Rule, timer: Timer, row: KeyRow) -> RowNames:
    """The rows that the timer of a key may read: those its stored event needs, seen as of when the timer was due."""
    stored = next((part.event for part in (row.incident, row.flaps, row.beat) if part is not None and part.event), b"")
    own = names_by_rule(timer.key, rule)
    if not stored:
        return RowNames(key=own, throttle=throttle_names(rule))
    event, _ = revive(rule_set, rule, stored, timer.due_us)
    names = row_names(rule_set, rule, event, row.key, timer.due_us)
    return RowNames(own, names.group, names.group_values, names.throttle, names.asked, names.answers)
