"""Decisions as the SQL engines store them."""

from __future__ import annotations

from broker.model import DecisionRecord
from broker.steady import Reading


def columns_of_decision(decision: DecisionRecord, now: Reading) -> tuple[str | int, ...]:
    """The row of a decision behind its number, its time in steady time beside how far the wall clock was ahead."""
    return (
        decision.topic_uid,
        decision.offset,
        decision.item,
        decision.rule,
        decision.send,
        decision.destination,
        decision.key,
        decision.outcome,
        decision.by,
        decision.at_us - now.offset_us,
        decision.version,
        now.offset_us,
    )
