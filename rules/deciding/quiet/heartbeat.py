"""``expect: {every: 10m, grace: 2m}``: a key of which nothing is heard is told as missing, and again when it is back.

Each event that matches is a sign of life of its key. A key that is missing is an incident that fires, and its next sign
of life is the end: so silences, hours, reminders and escalations hold for it as for any other.
"""

from __future__ import annotations

from typing import Final

from rules.deciding.decision_builder import Draft
from rules.deciding.matches import Match
from rules.deciding.pipeline import Notification, addresses_of, tell
from rules.deciding.quiet import incidents, inhibition, keyrow, notes
from rules.deciding.quiet.pending_notifications import learn_firing
from rules.deciding.quiet.rows import Beat, KeyRow, WatchRow
from rules.deciding.quiet.state_rows import store
from rules.deciding.quiet.watch import find_missing_us, late_gaps, watch_names
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import revive
from rules.ruleset import Expects, Rule

ALIVE: Final = "alive"
NOT_LISTED: Final = "not-expected"
_REST_US: Final = 1_000_000


def handle_beat(draft: Draft, match: Match) -> None:
    """Take a sign of life: nobody hears of it unless its key was missing."""
    rule, key, names, expects = match.rule, match.key, match.names, match.rule.quiet.expects
    if expects is None:
        return
    if key is None:
        _judge(draft, match, "", incidents.KEY_FAILED)
        return
    if not expects.covers(key):
        _judge(draft, match, key, NOT_LISTED)
        return
    row = draft.rows.find(names.key, KeyRow)
    if row is None and keyrow.is_full(draft, rule):
        _judge(draft, match, key, "max_keys")
        return
    row = row or KeyRow(key)
    stored = store(match.event)
    row.beat = Beat(draft.now_us, stored, draft.now_us + expects.whole_us)
    if row.incident is not None and row.incident.fires:
        row.incident.event = stored
        incidents.end(draft, rule, row, names, match.event, "resolved", broken=match.broken)
    else:
        _judge(draft, match, key, ALIVE)
    keyrow.keep(draft, rule, names.key, row)


def look(draft: Draft, rule: Rule, row: KeyRow, names: RowNames) -> bool:
    """Look whether a key is missing, and tell it once; or forget one that nobody expects any more.

    True when its incident began or ended with that.
    """
    beat, expects = row.beat, rule.quiet.expects
    if beat is None:
        return False
    fires = row.incident is not None and row.incident.fires
    if expects is None or not expects.covers(row.key):
        row.beat = None
        if fires:
            event, broken = revive(draft.rule_set, rule, beat.event, draft.now_us)
            incidents.end(draft, rule, row, names, event, "stale", broken=broken)
        return fires
    if fires and row.incident is not None:
        if expects.keys is not None:
            row.incident.seen_us = draft.now_us  # what stands in the list is never forgotten
        return False
    missing_us = _missing_us(draft, rule, beat, expects)
    if min(draft.context.decided_until_us or draft.now_us, draft.now_us) < missing_us:
        beat.look_us = max(missing_us, draft.now_us + _REST_US)
        return False
    _tell_missing(draft, rule, row, names, beat)
    return True


def _missing_us(draft: Draft, rule: Rule, beat: Beat, expects: Expects) -> int:
    watch = draft.rows.find(watch_names(rule), WatchRow)
    gaps = [*watch.gaps, *late_gaps(watch, expects, draft.now_us)] if watch is not None else []
    return find_missing_us(beat.at_us, gaps, expects.whole_us)


def _tell_missing(draft: Draft, rule: Rule, row: KeyRow, names: RowNames, beat: Beat) -> None:
    event, broken = revive(draft.rule_set, rule, beat.event, draft.now_us)
    incident = incidents.open_incident(draft, rule, row, event, beat.event)
    inhibition.note_firing(draft, names, incident, row.key, keyrow.forget_us(rule.quiet, incident))
    notification = Notification(
        rule=rule,
        event=event,
        phase="firing",
        names=names,
        key=row.key,
        item=event.item,
        state="firing",
        row=row,
        notes={"": notes.describe_missing(beat, rule.quiet.expects)},
        incident=row.key,
        broken=broken,
    )
    learn_firing(draft, notification, incident, tell(draft, notification, addresses_of(rule)))


def _judge(draft: Draft, match: Match, key: str, by: str) -> None:
    for entry in match.rule.sends:
        draft.judge(match.event.item, match.rule, entry, key, "updated", by)
