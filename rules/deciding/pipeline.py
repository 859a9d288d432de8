"""Quiet, then render: the way from something worth telling to posts, in the precedence of semantics.md item 26.

count, for, hours, silence, inhibition, dedupe, flapping, group, throttle. The first that says no keeps a send quiet;
what passes all becomes a post. Every send of an notification ends in exactly one verdict and one entry in the books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rules.deciding.decision_builder import EMPTY, Draft
from rules.deciding.emit import Posting, SendTarget, emit_all, event_topic
from rules.deciding.quiet import group, inhibition
from rules.deciding.quiet.dedupe import is_duplicate, remember_sent
from rules.deciding.quiet.flapping import Course
from rules.deciding.quiet.hours import check_hours
from rules.deciding.quiet.incident_stages import incident_stage
from rules.deciding.quiet.lasting import hide_young
from rules.deciding.quiet.rows import KeyRow
from rules.deciding.quiet.silences import Facts
from rules.deciding.quiet.straggler import hide_straggler, may_come_late
from rules.deciding.quiet.threshold import hide_few
from rules.deciding.quiet.throttle import post
from rules.deciding.quiet.verdicts import OWED, PASSED, Held, Hidden, Passed, Quieted, QuietVerdict
from rules.deciding.render_post import Scene, severity_of
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import began_us_of, state_of
from rules.model import Event, Phase
from rules.ruleset import Rule


@dataclass(slots=True)
class Notification:
    """Something a rule may have to tell.

    ``again`` is one that was kept quiet before and is looked at once more: it is no duplicate, and enters the books
    only when it is told.
    """

    rule: Rule
    event: Event
    phase: Phase
    names: RowNames
    key: str = ""
    item: int = 0
    state: str = ""
    row: KeyRow | None = None
    flaps: Course = "calm"
    notes: Mapping[str, str] = field(default_factory=dict)
    incident: str = ""
    broken: str = ""
    again: bool = False


def tell(draft: Draft, notification: Notification, addresses: Sequence[SendTarget]) -> dict[str, QuietVerdict]:
    """What becomes of a notification at each address, by slot; posts what passes."""
    verdicts: dict[str, QuietVerdict] = {}
    hidden = _hidden(draft, notification, addresses)
    passing: list[SendTarget] = []
    for address in addresses:
        slot = address.entry.slot
        verdict = hidden.get(slot) or _repeats(draft, notification, address) or _out_of_order(draft, notification, slot)
        if verdict is None:
            passing.append(address)
        else:
            verdicts[address.entry.slot] = verdict
    if passing:
        verdicts |= _post(draft, notification, passing)
    for address in addresses:
        _enter(draft, notification, address, verdicts[address.entry.slot])
    return verdicts


def evaluate_state(draft: Draft, rule: Rule, event: Event, otherwise: str) -> tuple[str, str]:
    """The rule's ``state:`` for the event, and what failed, or "". One that fails is ``otherwise``, and counts."""
    state, failed = state_of(draft.rule_set, rule, event, draft.now_us, otherwise)
    if failed:
        draft.note_trouble("state_errors", rule, failed)
    return state, failed


def addresses_of(rule: Rule) -> list[SendTarget]:
    """All entries of the rule's ``send``."""
    return [SendTarget(entry, rule.quiet.shadow) for entry in rule.sends]


def _hidden(draft: Draft, notification: Notification, addresses: Sequence[SendTarget]) -> dict[str, Hidden]:
    """A late firing, count, for, hours, silence, inhibition: by slot, what hides the notification now."""
    rule, now_us = notification.rule, draft.now_us
    for_all = _hidden_by_its_life(draft, notification) or check_hours(rule.quiet.hours, now_us)
    if for_all is not None:
        return {address.entry.slot: for_all for address in addresses}
    hidden: dict[str, Hidden] = {}
    if draft.context.silences.silences and not _is_told_within_silences(notification):
        for address in addresses:
            silenced = draft.context.silences.find_covering(
                _facts(draft, notification, address), notification.event, now_us
            )
            if silenced is not None:
                hidden[address.entry.slot] = silenced
    if len(hidden) < len(addresses):
        inhibited = inhibition.check_inhibition(draft, notification.names, note=bool(notification.incident))
        if inhibited is not None:
            hidden = {address.entry.slot: inhibited for address in addresses} | hidden
    return hidden


def evaluate_began_us(draft: Draft, rule: Rule, event: Event) -> int | None:
    """When the alert began as its sender says, or None. A ``since:`` that fails says nothing, and counts."""
    began_us, failed = began_us_of(draft.rule_set, rule, event, draft.now_us)
    if failed:
        draft.note_trouble("since_errors", rule, failed)
    return began_us


def _hidden_by_its_life(draft: Draft, notification: Notification) -> Hidden | None:
    """Why an event is not told because of when its key began, ended, or how often it came."""
    row, quiet, now_us = notification.row, notification.rule.quiet, draft.now_us
    if row is None or notification.phase not in ("message", "firing"):
        return None
    if notification.phase == "message":
        return hide_few(row, quiet.threshold, now_us)
    late = may_come_late(row, now_us)
    began_us = evaluate_began_us(draft, notification.rule, notification.event) if late else None
    return (
        hide_straggler(row, began_us, now_us)
        or hide_few(row, quiet.threshold, now_us)
        or hide_young(row.incident, quiet.lasts_s, now_us)
    )


def _is_told_within_silences(notification: Notification) -> bool:
    """Whether it is the end of something told: the good news is told even while a silence holds (item 20)."""
    quiet, row = notification.rule.quiet, notification.row
    if quiet.silenced_ends == "wait" or notification.phase not in OWED or notification.flaps == "starts":
        return False
    rests_firing = incident_stage(row) == "fires"
    return quiet.has_life and not rests_firing


def _facts(draft: Draft, notification: Notification, address: SendTarget) -> Facts:
    rule, event = notification.rule, notification.event
    return Facts(
        rule=rule.name,
        topic=event_topic(event),
        destination=address.entry.to.name,
        key=notification.key,
        severity=lambda: severity_of(draft.rule_set, rule, event, draft.now_us),
    )


def _repeats(draft: Draft, notification: Notification, address: SendTarget) -> Quieted | None:
    """Dedupe and flapping: whether the slot has heard it."""
    quiet, row = notification.rule.quiet, notification.row
    if row is None:
        return None
    fresh = notification.phase in ("message", "firing") and not notification.again
    slot, dedupe_s = address.entry.slot, quiet.dedupe_s
    if (
        fresh
        and dedupe_s is not None
        and is_duplicate(row, slot, notification.state, draft.now_us, dedupe_s, shadow=address.shadow)
    ):
        return Quieted("duplicate")
    if notification.flaps == "flaps" and notification.phase != "calm":
        return Quieted("flapping")
    return None


def _out_of_order(draft: Draft, notification: Notification, slot: str) -> Hidden | None:
    """Whether an earlier post about the key waits where this one would not wait behind it (another group, an edit)."""
    if notification.row is None or notification.phase in ("message", "reminder") or slot not in notification.row.waits:
        return None
    row, until_us = notification.row.waits[slot]
    if until_us < draft.now_us or row in (*notification.names.group, *notification.names.throttle):
        del notification.row.waits[slot]
        return None
    return Hidden("order", until_us + 1)


def _post(draft: Draft, notification: Notification, passing: Sequence[SendTarget]) -> dict[str, QuietVerdict]:
    """Group and throttle. A post whose address is in shadow while its rule is not (or the other way) joins neither.

    Nor does a step of an escalation.
    """
    rule = notification.rule
    waits = notification.phase != "escalation"
    own = [address for address in passing if waits and address.shadow == rule.quiet.shadow]
    other = [address for address in passing if not waits or address.shadow != rule.quiet.shadow]
    verdicts: dict[str, QuietVerdict] = {}
    if other:
        emit_all(draft, _posting(notification, other))
        verdicts |= {address.entry.slot: PASSED for address in other}
    if own:
        verdict: QuietVerdict
        if rule.quiet.group is not None and group.may_join(draft, rule, notification.names):
            verdict = group.join(draft, _posting(notification, own), notification.names)
        else:
            verdict = post(draft, _posting(notification, own), notification.names.throttle)
        verdicts |= {address.entry.slot: verdict for address in own}
    if notification.row is not None:
        for slot, verdict in verdicts.items():
            if isinstance(verdict, Passed | Held):
                remember_sent(notification.row, slot, notification.state, draft.now_us, shadow=rule.quiet.shadow)
            if isinstance(verdict, Held) and verdict.row:
                notification.row.waits[slot] = (verdict.row, verdict.until_us)
    return verdicts


def _posting(notification: Notification, addresses: Sequence[SendTarget]) -> Posting:
    phase: Phase = "flapping" if notification.flaps == "starts" else notification.phase
    incident = notification.row.incident if notification.row is not None else None
    since_us = incident.since_us if incident is not None else 0
    scene = Scene(notification.rule, notification.event, phase, notification.key, since_us, broken=notification.broken)
    return Posting(
        scene=scene,
        addresses=addresses,
        key=notification.key,
        order_key=notification.key or event_topic(notification.event),
        item=notification.item,
        notes=notification.notes,
        incident=notification.incident,
        owed=notification.phase in OWED,
    )


def _enter(draft: Draft, notification: Notification, address: SendTarget, verdict: QuietVerdict) -> None:
    rule, item, key = notification.rule, notification.item, notification.key
    match verdict:
        case Passed():
            destination = address.entry.to.name
            if draft.was_empty(item, rule, address.entry):
                draft.judge(item, rule, address.entry, key, "dropped", EMPTY)
            elif address.shadow or not draft.rule_set.is_given_up(destination):
                draft.judge(item, rule, address.entry, key, "shadow" if address.shadow else "sent")
            else:
                draft.judge(item, rule, address.entry, key, "dropped", f"removed:{destination}")
        case Held(by):
            draft.judge(item, rule, address.entry, key, "held", by)
        case Hidden(by) | Quieted(by) if not notification.again:
            draft.judge(item, rule, address.entry, key, "suppressed", by)
        case _:
            pass  # it was entered when it was kept quiet first
