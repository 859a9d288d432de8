"""What was decided: one decision, which ones to find, and the store's part that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


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


class Decisions(Protocol):
    """What was decided, message by message. Written by ``commit`` only."""

    async def list_for_message(self, topic_uid: str, offset: int) -> Sequence[DecisionRecord]:
        """All decisions about one message, in the order they were made."""

    async def list_after(self, seq: int, limit: int) -> Sequence[DecisionRecord]:
        """Decisions after ``seq`` (a record's own number), oldest first."""

    async def find_quiet(self, query: DecisionQuery) -> Sequence[DecisionRecord]:
        """Decisions that fit and made no delivery at once (not ``sent``), newest first; times as in ``offset_at``."""
