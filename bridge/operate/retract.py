"""What a rule remembers of a key when a delivery it decided is taken back before anybody could read it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from broker.model import Delivery, StatePut, StateRow
from rules.deciding.quiet.keyrow import waits_for
from rules.deciding.quiet.rows import KeyRow, from_bytes, to_bytes
from rules.deciding.quiet.verdicts import OWED
from rules.ruleset import RuleSet


def untold(
    row: StateRow,
    delivery: Delivery,
    rule_set: RuleSet,
    by: str,
    until_us: int,
    *,
    heard: bool,
    behind_us: int = 0,
) -> StatePut | None:
    """The row after ``delivery`` was suppressed ``by`` something that ends at ``until_us``; None when nothing changes.

    The post no longer counts for dedupe; its time in the row was moved by ``behind_us`` since it was told. An incident
    that fires, and of which nobody here has ``heard``, is hidden again, to be looked at when the silence ends.
    """
    remembered = from_bytes(row.key, row.value or b"")
    if not isinstance(remembered, KeyRow):
        return None
    changed = False
    for slot in dict.fromkeys(_slots(remembered, delivery, rule_set)):
        last = remembered.sent.get(slot)
        if last is not None and last.at_us in (delivery.new.created_us, delivery.new.created_us + behind_us):
            del remembered.sent[slot]
            changed = True
        changed = (not heard and _hide(remembered, slot, by, until_us)) or changed
    if not changed:
        return None
    incident, due_us = remembered.incident, row.due_us
    if incident is not None and incident.hidden:
        due_us = min(row.due_us or incident.look_us, incident.look_us)
    expires_us = max(row.expires_us, until_us)
    return StatePut(row.key, to_bytes(remembered), row.rule, row.topic_uid, expires_us, due_us, waits_for(remembered))


def has_heard(delivery: Delivery, others: Iterable[Delivery], taken_back: Collection[str]) -> bool:
    """Whether people at the destination may believe that the delivery's incident fires, were it taken back.

    ``others`` are the deliveries of its order key, newest first: the last one that may have arrived, or still will,
    decides. One that became part of a digest is told by that.
    """
    for other in others:
        reaches = other.state in ("delivered", "waiting", "folded") or other.unclear
        if reaches and other.id not in taken_back and is_of_the_same(other, delivery):
            return other.new.phase not in OWED
    return False


def is_of_the_same(other: Delivery, delivery: Delivery) -> bool:
    """Whether two deliveries tell the same reader of the same incident."""
    return other.new.incident == delivery.new.incident and other.new.send == delivery.new.send


def ends_behind(delivery: Delivery, others: Iterable[Delivery]) -> list[str]:
    """The ids of the ends of the delivery's incident that wait behind it, held by no courier."""
    return [
        other.id
        for other in others
        if other.seq > delivery.seq
        and other.state == "waiting"
        and not other.leased
        and other.new.phase in OWED
        and is_of_the_same(other, delivery)
    ]


def fires(row: StateRow) -> bool:
    """Whether the row holds an incident that fires."""
    remembered = from_bytes(row.key, row.value) if row.value is not None else None
    return isinstance(remembered, KeyRow) and remembered.incident is not None and remembered.incident.fires


def _hide(remembered: KeyRow, slot: str, by: str, until_us: int) -> bool:
    """Let a firing incident, or a flapping key, count as never told to the slot. False when it was not."""
    incident, flaps = remembered.incident, remembered.flaps
    told = flaps is not None and flaps.told.pop(slot, None) is not None
    if incident is None or not incident.fires:
        return told
    if incident.told.pop(slot, None) is None and not told:
        return False
    incident.look_us = min(incident.look_us, until_us) if incident.hidden else until_us
    incident.hidden[slot] = by
    return True


def _slots(remembered: KeyRow, delivery: Delivery, rule_set: RuleSet) -> Iterator[str]:
    """The slots a delivery was told through: as the rule has them, or as they are remembered of an older form."""
    new = delivery.new
    rule = rule_set.by_name.get(new.rule)
    for entry in rule.sends if rule is not None else ():
        if entry.index == new.send and entry.to.name == new.destination:
            yield entry.slot
    told = dict(remembered.incident.told) if remembered.incident is not None else {}
    told |= remembered.flaps.told if remembered.flaps is not None else {}
    for slot, one in told.items():
        if one.send == new.send and new.destination in (one.to, rule_set.gone.get(one.to)):
            yield slot
