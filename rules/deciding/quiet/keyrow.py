"""When the row of a key is due, and when it may go."""

from __future__ import annotations

from typing import Final

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import LONG_US
from rules.deciding.quiet import dedupe, flapping, threshold
from rules.deciding.quiet.rows import Incident, KeyRow
from rules.deciding.quiet.steps import is_step, next_step_us
from rules.deciding.state_keys import Names
from rules.ruleset import Quiet, Rule

ESCALATE: Final = "escalate"
EXPECT: Final = "expect"


def is_full(draft: Draft, rule: Rule) -> bool:
    """Whether the rule holds so many rows that a new key must pass unsuppressed; counts it (semantics.md item 5)."""
    if draft.context.key_counts.get(rule.name, 0) < rule.quiet.max_keys:
        return False
    draft.counts["max_keys"] += 1
    return True


def keep(draft: Draft, rule: Rule, names: Names, row: KeyRow, *, rest_us: int = 1) -> None:
    """Write the row, due at the next thing to look at; or delete it when it remembers nothing any more.

    It is not due again before ``rest_us``.
    """
    quiet, now_us = rule.quiet, draft.now_us
    dues = _dues(rule, row)
    until_us = max(_ends(quiet, row), default=0)
    if not dues and until_us <= now_us:
        draft.rows.forget(names)
        return
    due_us = max(min(dues), now_us + rest_us) if dues else None
    expires_us = max(until_us, *(due + LONG_US for due in dues)) if dues else until_us
    draft.rows.keep(names, row, expires_us=expires_us, due_us=due_us, waits_for=(*waits_for(row), *_edits(rule, row)))


def waits_for(row: KeyRow) -> tuple[str, ...]:
    """What keeps something about the key from being told, by the names under which a row may be woken."""
    hidden = set(row.incident.hidden.values()) if row.incident is not None else set()
    return tuple(sorted(hidden | (set(row.flaps.hidden.values()) if row.flaps is not None else set())))


def _edits(rule: Rule, row: KeyRow) -> tuple[str, ...]:
    """The names under which an edit of the rule wakes a row with steps to come, or of a key that is expected."""
    steps = (ESCALATE,) if next_step_us(rule, row.incident) is not None else ()
    return (*steps, EXPECT) if row.beat is not None else steps


def forget_us(quiet: Quiet, incident: Incident) -> int:
    """When an incident that nobody speaks of any more is taken as over."""
    return incident.seen_us + round(quiet.forget_after_s * 1_000_000)


def reminds(quiet: Quiet, incident: Incident) -> bool:
    """Whether anybody is to be reminded of the incident."""
    return quiet.repeat_s is not None and bool(incident.told and incident.remind_us) and not incident.taken_by


def _dues(rule: Rule, row: KeyRow) -> list[int]:
    quiet = rule.quiet
    dues: list[int] = []
    if row.flaps is not None and row.flaps.since_us:
        dues.append(row.flaps.calm_us)
    incident = row.incident
    if row.beat is not None and (incident is None or not incident.fires):
        dues.append(row.beat.look_us)
    if incident is None:
        return dues
    if not incident.fires:
        return [*dues, incident.look_us]
    dues.append(forget_us(quiet, incident))
    if any(not is_step(slot) for slot in incident.hidden):
        dues.append(incident.look_us)
    if reminds(quiet, incident):
        dues.append(incident.remind_us)
    step_us = next_step_us(rule, incident)
    return dues if step_us is None else [*dues, step_us]


def _ends(quiet: Quiet, row: KeyRow) -> list[int]:
    ends = [until_us for _, until_us in row.waits.values()]
    if row.ended is not None:
        ends.append(row.ended.until_us)
    if quiet.dedupe_s is not None and row.sent:
        ends.append(dedupe.expiry_us(row, quiet.dedupe_s))
    if quiet.threshold is not None and row.counted:
        ends.append(threshold.expiry_us(row, quiet.threshold))
    if quiet.flapping is not None and row.flaps is not None:
        ends.append(flapping.expiry_us(row.flaps, quiet.flapping))
    return ends
