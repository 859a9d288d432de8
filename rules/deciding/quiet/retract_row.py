"""What a rule remembers of a key when a post it decided is taken back before anybody could read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.deciding.quiet.keyrow import waits_for
from rules.deciding.quiet.rows import Incident, KeyRow, row_from_bytes, row_to_bytes
from rules.deciding.quiet.steps import is_step
from rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A post that is not to be sent after all, suppressed ``by`` something that ends at ``until_us``.

    It was decided at ``created_us``; its time in the row was moved by ``behind_us`` since. ``heard`` is whether
    somebody at the destination believes that its incident fires, whatever becomes of this post.
    """

    rule: str
    send: int
    destination: str
    created_us: int
    by: str
    until_us: int
    heard: bool
    behind_us: int = 0


@dataclass(frozen=True, slots=True)
class RetractedRow:
    """The row afterwards: ``look_us`` is when its hidden incident is to be looked at, None when it hides none."""

    value: bytes
    look_us: int | None
    waits_for: tuple[str, ...]


def retract(name: str, value: bytes | None, post: TakenBack, rule_set: RuleSet) -> RetractedRow | None:
    """The row after a post was taken back; None when nothing changes.

    The post no longer counts for dedupe. An incident that fires, and of which nobody has heard, is hidden again, to be
    looked at when what suppressed the post ends.
    """
    row = row_from_bytes(name, value or b"")
    if not isinstance(row, KeyRow):
        return None
    changed = False
    for slot in dict.fromkeys(_slots(row, post, rule_set)):
        last = row.sent.get(slot)
        if last is not None and last.at_us in (post.created_us, post.created_us + post.behind_us):
            del row.sent[slot]
            changed = True
        changed = (not post.heard and _hide(row, slot, post.by, post.until_us)) or changed
    if not changed:
        return None
    incident = row.incident
    look_us = min(_looks(incident), default=None) if incident is not None else None
    return RetractedRow(row_to_bytes(row), look_us, waits_for(row))


def _hide(row: KeyRow, slot: str, by: str, until_us: int) -> bool:
    """Let a firing incident, or a flapping key, count as never told to the slot. False when it was not."""
    incident, flaps = row.incident, row.flaps
    was_told = flaps is not None and flaps.told.pop(slot, None) is not None
    if incident is None or not incident.fires:
        return was_told
    if incident.told.pop(slot, None) is None and not was_told:
        return False
    if is_step(slot):
        incident.step_us = until_us
    else:
        known = any(not is_step(other) for other in incident.hidden)
        incident.look_us = min(incident.look_us, until_us) if known else until_us
    incident.hidden[slot] = by
    if not incident.told and not (flaps is not None and flaps.told):
        incident.told_us = 0  # nobody has heard of it: steps count from the next first post
    return True


def _looks(incident: Incident) -> list[int]:
    """When what is hidden of an incident is to be looked at."""
    return [incident.step_us if is_step(slot) else incident.look_us for slot in incident.hidden]


def _slots(row: KeyRow, post: TakenBack, rule_set: RuleSet) -> Iterator[str]:
    """The slots a post was told through: as the rule has them, or as they are remembered of an older form."""
    rule = rule_set.by_name.get(post.rule)
    for entry in rule.entries if rule is not None else ():
        if entry.index == post.send and entry.to.name == post.destination:
            yield entry.slot
    by_slot = dict(row.incident.told) if row.incident is not None else {}
    by_slot |= row.flaps.told if row.flaps is not None else {}
    for slot, notified in by_slot.items():
        if notified.send == post.send and post.destination in (notified.to, rule_set.gone.get(notified.to)):
            yield slot
