"""The nouns of what was decided: one decision, and which ones to find. Import them from ``broker.model``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What was decided about one matched (event, rule, send), kept as long as deliveries (semantics.md item 17)."""

    topic_uid: str
    offset: int
    item: int
    rule: str
    send: int
    destination: str
    key: str
    outcome: str
    by: str
    at_us: int
    version: str
    seq: int = 0


@dataclass(frozen=True, slots=True)
class DecisionQuery:
    """Which decisions to find; None means any. Newest first; ``before_seq`` pages on.

    They were made at ``since_us`` or later, and before ``until_us``. ``by`` is what kept a send quiet, or the part of
    that before its colon: ``silence`` is every silence.
    """

    since_us: int | None = None
    until_us: int | None = None
    topic_uid: str | None = None
    rule: str | None = None
    destination: str | None = None
    key: str | None = None
    outcome: str | None = None
    by: str | None = None
    before_seq: int | None = None
    limit: int = 100
