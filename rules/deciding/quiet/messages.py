"""A rule without ``resolved:`` tells what it matched, one message at a time; its keys may still repeat and flap."""

from __future__ import annotations

from rules.deciding.decision_builder import Draft
from rules.deciding.matches import Match
from rules.deciding.pipeline import Notification, addresses_of, evaluate_state, tell
from rules.deciding.quiet import flapping, keyrow, notes, threshold
from rules.deciding.quiet.rows import KeyRow, Notified
from rules.deciding.quiet.state_rows import store
from rules.deciding.quiet.verdicts import Held, Passed
from rules.deciding.render_post import Scene, overrides_of


def handle_message(draft: Draft, match: Match) -> None:
    """Tell an event of a rule without ``resolved:``, or keep quiet about it."""
    rule, key, names = match.rule, match.key, match.names
    item = match.event.item
    notification = Notification(rule, match.event, "message", names, key=key or "", item=item, broken=match.broken)
    if key is None or not names.key:
        tell(draft, notification, addresses_of(rule))
        return
    row = draft.rows.find(names.key, KeyRow)
    if row is None and keyrow.is_full(draft, rule):
        tell(draft, notification, addresses_of(rule))
        return
    notification.row = row = row or KeyRow(key)
    threshold.count_event(row, rule.quiet.threshold, draft.now_us)
    notification.state, failed = evaluate_state(draft, rule, match.event, "")
    notification.broken = notification.broken or failed
    if rule.quiet.flapping is not None or row.flaps is not None:
        stored = store(match.event)
        notification.flaps = flapping.note(row, rule.quiet.flapping, notification.state, stored, draft.now_us)
        if notification.flaps == "starts" and rule.quiet.flapping is not None:
            notification.notes = {"": notes.describe_flapping(rule.quiet.flapping)}
    verdicts = tell(draft, notification, addresses_of(rule))
    if notification.flaps == "starts" and row.flaps is not None:
        scene = Scene(rule, match.event, "flapping")
        for entry in rule.sends:
            if isinstance(verdicts[entry.slot], Passed | Held):
                overrides = overrides_of(draft.rule_set, scene, draft.now_us, entry)
                row.flaps.told[entry.slot] = Notified(
                    draft.now_us, entry.to.name, entry.index, overrides, rule.quiet.shadow
                )
    keyrow.keep(draft, rule, names.key, row)
