"""What a rule remembers of a key when a delivery it decided is taken back before anybody could read it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from broker.model import Delivery, StatePut, StateRow
from rules.quiet.rows import KeyRow, from_bytes, to_bytes
from rules.quiet.verdicts import OWED
from rules.ruleset import RuleSet


def untold(
    row: StateRow, delivery: Delivery, rule_set: RuleSet, by: str, until_us: int, *, heard: bool
) -> StatePut | None:
    """The row after ``delivery`` was suppressed ``by`` something that ends at ``until_us``; None when nothing changes.

    The post no longer counts for dedupe. An incident that fires, and of which nobody here has ``heard``, is hidden
    again, to be looked at when the silence ends.
    """
    remembered = from_bytes(row.key, row.value or b"")
    slot = _slot(delivery, rule_set)
    if not isinstance(remembered, KeyRow) or slot is None:
        return None
    changed = False
    due_us = row.due_us
    last = remembered.sent.get(slot)
    if last is not None and last.at_us == delivery.new.created_us:
        del remembered.sent[slot]
        changed = True
    incident = remembered.incident
    if incident is not None and incident.fires and not heard and slot in incident.told:
        incident.look_us = min(incident.look_us, until_us) if incident.hidden else until_us
        incident.hidden[slot] = by
        del incident.told[slot]
        due_us = min(row.due_us or incident.look_us, incident.look_us)
        changed = True
    if not changed:
        return None
    return StatePut(row.key, to_bytes(remembered), row.rule, row.topic_uid, max(row.expires_us, until_us), due_us)


def has_heard(delivery: Delivery, others: Iterable[Delivery], taken_back: Collection[str]) -> bool:
    """Whether people at the destination may believe that the delivery's incident fires, were it taken back.

    ``others`` are the deliveries of its order key, newest first: the last one that may have arrived decides.
    """
    for other in others:
        same = other.new.incident == delivery.new.incident and other.new.send == delivery.new.send
        if same and other.id not in taken_back and (other.state == "delivered" or other.unclear or other.leased):
            return other.new.phase not in OWED
    return False


def _slot(delivery: Delivery, rule_set: RuleSet) -> str | None:
    rule = rule_set.by_name.get(delivery.new.rule)
    for entry in rule.sends if rule is not None else ():
        if entry.index == delivery.new.send and entry.to.name == delivery.new.destination:
            return entry.slot
    return None
