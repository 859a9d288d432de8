"""Takes deliveries back before anybody could read them: who has heard of what, and the row that forgets one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from broker.model import Delivery, StatePut, StateRow
from rules.deciding.quiet.retract_row import TakenBack, retract
from rules.deciding.quiet.verdicts import OWED
from rules.ruleset import RuleSet


def retract_row(
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

    ``heard`` and ``behind_us`` are as in ``TakenBack``.
    """
    new = delivery.new
    post = TakenBack(new.rule, new.send, new.destination, new.created_us, by, until_us, heard, behind_us)
    retracted = retract(row.key, row.value, post, rule_set)
    if retracted is None:
        return None
    due_us, look_us = row.due_us, retracted.look_us
    if look_us is not None:
        due_us = min(due_us or look_us, look_us)
    expires_us = max(row.expires_us, until_us)
    return StatePut(row.key, retracted.value, row.rule, row.topic_uid, expires_us, due_us, retracted.waits_for)


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


def find_ends_behind(delivery: Delivery, others: Iterable[Delivery]) -> list[str]:
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
