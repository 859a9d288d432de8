"""``group:``: collect what belongs together and tell it in one post.

``wait`` counts from the first event and does not slide; ``every`` is the least gap between posts of a group, or
several, each for one post more in a row; at ``max`` events it posts at once (semantics.md item 28). What joins a group
is certain to be told, so it counts as told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rules.deciding.decision_builder import Draft
from rules.deciding.emit import LONG_US, Posting, SendTarget, entry_for
from rules.deciding.quiet.rows import GroupRow, HeldEvent
from rules.deciding.quiet.state_rows import store
from rules.deciding.quiet.throttle import post
from rules.deciding.quiet.verdicts import OWED, Held, Hidden, Passed, Quieted
from rules.deciding.render_post import GroupEvent, Scene, join_reasons
from rules.deciding.state_keys import RowNames
from rules.deciding.vars import revive
from rules.ruleset import Group, Rule

MAX_HELD_BYTES: Final = 512 * 1024
"""A group whose events come to this posts at once, as if it were at its ``max``."""


_FIRES: Final = frozenset({"firing", "reminder", "flapping"})
MOST_FIRING: Final = 200
MOST_GAPS: Final = 10
"""How many events that still fire are kept for the bodies of a group; the oldest go first."""


def may_join(draft: Draft, rule: Rule, names: RowNames) -> bool:
    """Whether an event may wait in the group.

    Not where the row collects for the shadow and the rule has left it (or the other way), and not where the rule holds
    too many rows already: such an event passes at once.
    """
    row = draft.rows.find(names.group, GroupRow)
    if row is not None and row.held:
        return row.shadow == rule.quiet.shadow
    if row is None and draft.context.key_counts.get(rule.name, 0) >= rule.quiet.max_keys:
        draft.counts["max_keys"] += 1
        return False
    return True


def join(draft: Draft, posting: Posting, names: RowNames) -> Held:
    """Add the event to its group, and post the group if that fills it."""
    rule, group = posting.rule, posting.rule.quiet.group
    row = draft.rows.find(names.group, GroupRow) or GroupRow(names.group_values)
    if not row.held:
        row.since_us, row.shadow = draft.now_us, rule.quiet.shadow
    slots = {address.entry.slot: (address.entry.to.name, address.entry.index) for address in posting.addresses}
    scene = posting.scene
    row.held.append(
        HeldEvent(
            store(scene.event), scene.phase, posting.key, dict(posting.notes), slots, scene.broken, scene.since_us
        )
    )
    held_bytes = sum(len(event.event) for event in row.held)
    if group is None or len(row.held) >= group.max or held_bytes >= MAX_HELD_BYTES:
        flush(draft, rule, names, row, item=posting.item)
        return Held("group")
    keep(draft, rule, names, row)
    return Held("group", names.group[0], due(row, group))


def flush(draft: Draft, rule: Rule, names: RowNames, row: GroupRow, *, item: int = 0) -> None:
    """Post what the group holds: one post for all slots that hear the same events."""
    held_events, row.held = row.held, []
    _count_post(rule, row, draft.now_us)
    _note_firing(rule, row, held_events)
    heard: dict[tuple[tuple[int, str], ...], list[str]] = {}
    for slot in dict.fromkeys(slot for event in held_events for slot in event.slots):
        with_notes = tuple((n, _note(event, slot)) for n, event in enumerate(held_events) if slot in event.slots)
        heard.setdefault(with_notes, []).append(slot)
    kept_back: list[HeldEvent] = []
    for with_notes, slots in heard.items():
        events = [held_events[n] for n, _ in with_notes]
        posting = _posting(draft, rule, names, row, events, slots, item)
        match post(draft, posting, names.throttle):
            case Passed():
                for address in posting.addresses:
                    draft.release(address.stands_for)
            case Hidden():
                kept_back += [_only(event, slots) for event in events]
            case Quieted(by):
                for address in posting.addresses:
                    draft.release_suppressed(address.stands_for, by)
            case _:
                pass  # held by the throttle instead: still held in the books
    row.held = kept_back
    row.since_us = draft.now_us if kept_back else 0
    keep(draft, rule, names, row)


def _count_post(rule: Rule, row: GroupRow, now_us: int) -> None:
    """Note that the group posts now: one more in a row, or the first after it was quiet for its longest gap."""
    longest_us = rule.quiet.group.longest_us if rule.quiet.group is not None else 0
    goes_on = row.posted_us and now_us - row.posted_us <= longest_us
    row.posts = min(row.posts + 1, MOST_GAPS) if goes_on else 1
    row.posted_us, row.since_us = now_us, 0


def _note_firing(rule: Rule, row: GroupRow, events: Sequence[HeldEvent]) -> None:
    """Remember which events of the group fire, for a body that lists them; only where their end is told too."""
    if not rule.making.has_body or not rule.quiet.has_life:
        row.firing = {}
        return
    for event in events:
        row.firing.pop(event.key, None)
        if event.phase in _FIRES:
            row.firing[event.key] = event.event
    while len(row.firing) > MOST_FIRING or sum(map(len, row.firing.values())) > MAX_HELD_BYTES:
        del row.firing[next(iter(row.firing))]


def keep(draft: Draft, rule: Rule, names: RowNames, row: GroupRow) -> None:
    """Write the group's row, due when it posts."""
    group = rule.quiet.group
    if not row.held:
        longest_us = group.longest_us if group is not None else 0
        if row.firing:
            draft.rows.keep(names.group, row, expires_us=draft.now_us + max(longest_us, LONG_US))
        elif row.posted_us + longest_us > draft.now_us:
            draft.rows.keep(names.group, row, expires_us=row.posted_us + longest_us)
        else:
            draft.rows.forget(names.group)
        return
    due_us = max(due(row, group) if group is not None else draft.now_us, draft.now_us + 1)
    draft.rows.keep(names.group, row, expires_us=due_us + LONG_US, due_us=due_us)


def due(row: GroupRow, group: Group) -> int:
    """When the group posts: ``wait`` after its first event, but not within the gap that its last post left."""
    first_us = row.since_us + round(group.wait_s * 1_000_000)
    return max(first_us, row.posted_us + group.gap_us(row.posts)) if row.posted_us else first_us


def _posting(
    draft: Draft,
    rule: Rule,
    names: RowNames,
    row: GroupRow,
    events: Sequence[HeldEvent],
    slots: Sequence[str],
    item: int,
) -> Posting:
    revived = [revive(draft.rule_set, rule, held_event.event, draft.now_us) for held_event in events]
    last = events[-1]
    scene = Scene(
        rule=rule,
        event=revived[-1][0],
        phase=last.phase if len(events) == 1 else "group",
        key=last.key if len(events) == 1 else names.group_values,
        since_us=last.since_us if len(events) == 1 else 0,
        events=tuple(
            GroupEvent(event, held_event.phase, _note(held_event, slots[0]), held_event.key)
            for (event, _), held_event in zip(revived, events, strict=True)
        ),
        still_firing=tuple(
            revive(draft.rule_set, rule, event, draft.now_us)[0]
            for key, event in row.firing.items()
            if key not in {held_event.key for held_event in events}
        ),
        broken=join_reasons([*(held_event.broken for held_event in events), *(broken for _, broken in revived)]),
    )
    entries = [entry_for(draft.rule_set, rule, slot, *last.slots[slot]) for slot in slots]
    addresses = [SendTarget(entry, row.shadow, stands_for=len(events)) for entry in entries]
    return Posting(
        scene=scene,
        addresses=addresses,
        key=names.group_values,
        order_key=f"{rule.name}:{names.group_values}",
        item=item,
        notes={"": _note(last, slots[0])} if len(events) == 1 else {},
        incident=last.key if len(events) == 1 else "",
        owed=any(held_event.phase in OWED for held_event in events),
    )


def _note(event: HeldEvent, slot: str) -> str:
    return event.notes.get(slot) or event.notes.get("", "")


def _only(event: HeldEvent, slots: Sequence[str]) -> HeldEvent:
    kept = {slot: to for slot, to in event.slots.items() if slot in slots}
    return HeldEvent(event.event, event.phase, event.key, event.notes, kept, event.broken, event.since_us)
