"""``inhibited_by: {rule: site-down, same: [$.site]}``: quiet while an incident of another rule fires.

An inhibiting rule keeps a row of its firing incidents for each list of places that others ask by. The values are those
of the incident's opening event (semantics.md item 29); a place at which nothing is found is never the same as anything.
Incidents kept quiet are noted in the row, so that they are looked at as soon as the last inhibitor ends.
"""

from __future__ import annotations

from typing import Final

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import LONG_US
from rules.deciding.quiet.ahead import is_ahead
from rules.deciding.quiet.rows import FiringRow, Incident
from rules.deciding.quiet.verdicts import Hidden
from rules.deciding.state_keys import Names, RowNames

MAX_FIRING: Final = 10_000
"""How many firing incidents a row names; one beyond that inhibits nothing, so alerts rather pass."""
MAX_WAITING: Final = 10_000
"""How many quieted incidents are noted; those beyond are found by their own timers, a little later."""


def inhibits(row: FiringRow, values: str, now_us: int, longest_us: int | None = None) -> bool:
    """Whether an incident with these values fires.

    One that is forgotten later than in ``longest_us`` was entered by a clock ahead of ours, and keeps nobody quiet.
    """
    ends = row.firing.get(values, {}).values()
    return any(now_us < end_us and (longest_us is None or not is_ahead(end_us, now_us + longest_us)) for end_us in ends)


def check_inhibition(draft: Draft, names: RowNames, *, note: bool) -> Hidden | None:
    """The verdict of inhibition on a post: what keeps it quiet now, or None; nobody knows for how long.

    With ``note`` its row is woken at the end.
    """
    for asked in names.asked:
        row = draft.rows.find(asked.names, FiringRow)
        if row is None or asked.values is None:
            continue
        rule = draft.rule_set.by_name.get(asked.inhibitor.rule)
        longest_us = None if rule is None else round(rule.quiet.forget_after_s * 1_000_000)
        if not inhibits(row, asked.values, draft.now_us, longest_us):
            continue
        if note and wait_for_end(row, asked.values, names.key[0]):
            keep(draft, asked.names, row)
        return Hidden(f"inhibited:{asked.inhibitor.rule}")
    return None


def keep(draft: Draft, names: Names, row: FiringRow) -> None:
    """Write a row of firing incidents: due at once when something waits that nothing keeps quiet any more."""
    if not row.firing and not row.waiting:
        draft.rows.forget(names)
        return
    freed = any(values not in row.firing for values in row.waiting)
    expires_us = max(expiry_us(row), draft.now_us) + LONG_US
    draft.rows.keep(names, row, expires_us=expires_us, due_us=draft.now_us if freed else None)


def note_firing(draft: Draft, names: RowNames, incident: Incident, key: str, until_us: int) -> None:
    """Note that an incident of an inhibiting rule fires: enter it where others ask, or prolong it."""
    for inhibitor, firing_names in names.answers:
        values = incident.same.get(inhibitor.same_text)
        if values is None:
            continue
        row = draft.rows.find(firing_names, FiringRow) or FiringRow()
        entered_us = row.firing.get(values, {}).get(key, 0)
        if entered_us < until_us or is_ahead(entered_us, until_us):
            if not enter(row, values, key, until_us):
                draft.counts["max_firing"] += 1
                continue
            keep(draft, firing_names, row)


def wake_inhibited(draft: Draft, names: RowNames, incident: Incident, key: str) -> None:
    """Look again at what an incident of an inhibiting rule kept quiet, now that it ended."""
    for inhibitor, firing_names in names.answers:
        values = incident.same.get(inhibitor.same_text)
        row = draft.rows.find(firing_names, FiringRow)
        if values is not None and row is not None:
            leave(row, values, key)
            keep(draft, firing_names, row)


def enter(row: FiringRow, values: str, key: str, forgotten_us: int) -> bool:
    """Enter that an incident with these values fires, at the latest until it is forgotten. False if the row is full."""
    incidents = row.firing.setdefault(values, {})
    if key not in incidents and sum(map(len, row.firing.values())) >= MAX_FIRING:
        if not incidents:
            del row.firing[values]
        return False
    incidents[key] = forgotten_us
    return True


def leave(row: FiringRow, values: str, key: str) -> None:
    """Enter that an incident with these values ended."""
    incidents = row.firing.get(values, {})
    incidents.pop(key, None)
    if not incidents:
        row.firing.pop(values, None)


def wait_for_end(row: FiringRow, values: str, row_key: str) -> bool:
    """Note that the incident in ``row_key`` is kept quiet by these values. False when it was noted or cannot be."""
    waiting = row.waiting.get(values, [])
    if row_key in waiting or sum(map(len, row.waiting.values())) >= MAX_WAITING:
        return False
    row.waiting[values] = [*waiting, row_key]
    return True


def free(row: FiringRow, limit: int) -> list[str]:
    """Take out up to ``limit`` rows of incidents that nothing in this row keeps quiet any more."""
    freed: list[str] = []
    for values in [values for values in row.waiting if values not in row.firing]:
        room = limit - len(freed)
        freed += row.waiting[values][:room]
        row.waiting[values] = row.waiting[values][room:]
        if not row.waiting[values]:
            del row.waiting[values]
    return freed


def expiry_us(row: FiringRow) -> int:
    """When the last incident of the row is forgotten at the latest."""
    return max((until_us for incidents in row.firing.values() for until_us in incidents.values()), default=0)
