"""``schedule:``: a rule that sees no messages, and reports when a clock on the wall says so. Pure.

When it reports next stands in its row ``s/<rule>``, which is a timer: so it reports once, whatever restarts and whoever
of several nodes looks at it. What was missed is told once, late, with a word why; or not at all (``missed: skip``).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import LONG_US
from rules.deciding.pipeline import Notification, addresses_of, tell
from rules.deciding.quiet.notes import format_moment
from rules.deciding.quiet.rows import ScheduleRow, row_from_bytes, row_to_bytes, schedule_row
from rules.deciding.report_facts import ReportFacts, report_of
from rules.deciding.state_keys import NO_ROWS, Names
from rules.deciding.vars import set_vars
from rules.events.schedules import Scheduled
from rules.model import Event, MessageFacts, StateChange
from rules.ruleset import Rule

SCHEDULE: Final = "schedule"
"""What the row waits for: so it is looked at whenever the clock is set."""
MISSED: Final = "missed"
LATE_US: Final = 300_000_000
"""A report that comes later than this was missed."""
_NEVER_US: Final = 366 * 86_400_000_000


def schedule_names(rule: Rule) -> Names:
    """The row of a rule with ``schedule:``, and those of the names it had."""
    if rule.scheduled is None or rule.retired:
        return ()
    return tuple(schedule_row(name) for name in (rule.name, *rule.was))


def begin_schedule(rule: Rule, name: str, value: bytes | None, topic: str, now_us: int) -> StateChange | None:
    """The change that plans a rule's next report, None where it is planned; what was planned before stays planned.

    An edited schedule is planned anew from now on.
    """
    if rule.scheduled is None:
        return None
    schedule = rule.scheduled.schedule
    row = row_from_bytes(name, value) if value is not None else None
    if not isinstance(row, ScheduleRow):
        row = ScheduleRow(_next_us(rule.scheduled, now_us), now_us, schedule.digest, topic)
    elif row.digest != schedule.digest:
        row.next_us, row.digest = _next_us(rule.scheduled, now_us), schedule.digest
    row.topic = topic
    due_us = max(row.next_us, now_us)
    return StateChange(name, row_to_bytes(row), rule.name, due_us + LONG_US, due_us, (SCHEDULE,))


def report_since_us(rule: Rule, value: bytes, key: str, now_us: int) -> int | None:
    """From when on facts are looked up for the report that a timer makes now; None when it makes none."""
    row = row_from_bytes(key, value)
    if rule.scheduled is None or not isinstance(row, ScheduleRow) or now_us < row.next_us:
        return None
    return _since_us(rule.scheduled, row, now_us)


def report_if_due(draft: Draft, rule: Rule, own: Names, row: ScheduleRow) -> None:
    """Report when it is time, and plan the next report."""
    scheduled, now_us = rule.scheduled, draft.now_us
    if scheduled is None:
        draft.rows.forget(own)
        return
    if row.digest != scheduled.schedule.digest:
        row.next_us, row.digest = _next_us(scheduled, now_us), scheduled.schedule.digest
    if now_us >= row.next_us:
        due_us = scheduled.schedule.last_us(row.next_us, now_us) or row.next_us
        is_late = now_us - due_us > LATE_US
        if is_late and scheduled.missed == "skip":
            for entry in rule.sends:
                draft.judge(0, rule, entry, "", "suppressed", MISSED)
        else:
            note = f"Due {format_moment(due_us)}; told late because nobody was there to tell it." if is_late else ""
            _report(draft, rule, scheduled, row, due_us, note)
            row.since_us = now_us
        row.next_us = _next_us(scheduled, now_us)
    else:  # the clock was set: never further ahead than the time after the next
        row.next_us = min(row.next_us, _next_us(scheduled, _next_us(scheduled, now_us)))
    draft.rows.keep(own, row, expires_us=row.next_us + LONG_US, due_us=row.next_us, waits_for=(SCHEDULE,))


def _report(draft: Draft, rule: Rule, scheduled: Scheduled, row: ScheduleRow, due_us: int, note: str) -> None:
    facts = draft.context.reports.get(schedule_row(rule.name), None) or _of_any_name(draft, rule)
    zone = scheduled.schedule.zone.key
    since_us = _since_us(scheduled, row, draft.now_us)
    data = report_of(facts, scheduled.rules, since_us, draft.now_us, due_us, zone)
    event, broken = set_vars(draft.rule_set, rule, event_of_report(data, row.topic, draft.now_us), draft.now_us)
    notes = {"": note} if note else {}
    tell(draft, Notification(rule, event, "report", NO_ROWS, notes=notes, broken=broken), addresses_of(rule))


def _of_any_name(draft: Draft, rule: Rule) -> ReportFacts:
    """The facts that were looked up under a name that the rule had."""
    reports = draft.context.reports
    return next((reports[name] for name in map(schedule_row, rule.was) if name in reports), ReportFacts())


def event_of_report(data: dict[str, Any], topic: str, now_us: int) -> Event:
    """A report as rules see it: its facts are the payload."""
    _, project, _, short = topic.split("/", 3)
    message = MessageFacts(id="", offset=-1, topic=short, project=project, publish_time_us=now_us)
    return Event(data=data, text=msgspec.json.encode(data).decode(), attributes={}, message=message)


def _since_us(scheduled: Scheduled, row: ScheduleRow, now_us: int) -> int:
    return row.since_us if scheduled.over_s is None else now_us - round(scheduled.over_s * 1_000_000)


def _next_us(scheduled: Scheduled, after_us: int) -> int:
    """When the rule reports next; a schedule without a next time, years ahead, is looked at in a year."""
    return scheduled.schedule.next_us(after_us) or after_us + _NEVER_US
