"""What operators are shown of stored things, as plain records: times are RFC 3339 texts, durations seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bridge.core.posts import post_from_bytes
from bridge.operate.hidden_values import hide_in_text
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from broker.clock import US_PER_S
from broker.model import Attempt, DecisionRecord, Delivery, Message
from broker.records import SilenceRecord
from rules.events.decode import DecodeSpec, decode

_SUMMARY_RUNES = 160
_SHOWN_RUNES = 8_000


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, without its post. ``seq`` is what ``before`` pages by; ``offset`` is null for a timer's."""

    id: str
    seq: int
    state: str
    by: str
    destination: str
    rule: str
    topic: str
    offset: int | None
    key: str
    phase: str
    part: int
    parts: int
    stands_for: int
    severity: str
    summary: str
    created: str
    due: str | None
    settled: str | None
    attempts: int
    tries: int
    leased: bool
    late: bool
    unclear: bool
    form: str
    version: str


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a delivery; ``counted`` when it used up an attempt."""

    at: str
    took_s: float
    outcome: str
    reason: str
    counted: bool
    unclear: bool
    form: str


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one (event, rule, send)."""

    item: int
    rule: str
    send: int
    destination: str
    key: str
    outcome: str
    by: str
    at: str
    version: str


class SeenMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message with its decisions; ``data`` is its text, secrets hidden, cut when ``cut``.

    ``fate`` is matched, unmatched, undecided (its router is behind) or unrouted (no rule hears its topic).
    """

    topic: str
    offset: int
    published: str
    attributes: Mapping[str, str]
    data: str
    cut: bool
    fate: str
    decisions: list[DecisionView]


class SilenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A silence; ``state`` is pending, active or expired."""

    id: str
    matchers: dict[str, Any]
    starts: str
    until: str
    who: str
    why: str
    state: str


def delivery_view(delivery: Delivery, topics: Mapping[str, str]) -> DeliveryView:
    """A delivery; ``topics`` are full names by uid."""
    new = delivery.new
    waits = delivery.state == "waiting"
    return DeliveryView(
        id=delivery.id,
        seq=delivery.seq,
        state=delivery.state,
        by=delivery.by,
        destination=new.destination,
        rule=new.rule,
        topic=topics.get(new.topic_uid, ""),
        offset=new.offset if new.offset >= 0 else None,
        key=new.key,
        phase=new.phase,
        part=new.part,
        parts=new.parts,
        stands_for=new.stands_for,
        severity=new.severity,
        summary=summary_of(delivery),
        created=rfc3339(new.created_us),
        due=rfc3339(delivery.due_us) if waits else None,
        settled=rfc3339_or_none(delivery.settled_us) if not waits else None,
        attempts=delivery.attempts,
        tries=delivery.tries,
        leased=delivery.leased,
        late=new.late,
        unclear=delivery.unclear,
        form=delivery.form,
        version=new.version,
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """One try as operators see it."""
    return AttemptView(
        at=rfc3339(attempt.at_us),
        took_s=attempt.took_us / US_PER_S,
        outcome=attempt.outcome,
        reason=attempt.reason,
        counted=attempt.counted,
        unclear=attempt.unclear,
        form=attempt.form,
    )


def decision_view(record: DecisionRecord) -> DecisionView:
    """One decision as it was put on record."""
    return DecisionView(
        item=record.item,
        rule=record.rule,
        send=record.send,
        destination=record.destination,
        key=record.key,
        outcome=record.outcome,
        by=record.by,
        at=rfc3339(record.at_us),
        version=record.version,
    )


def silence_view(record: SilenceRecord, now_us: int) -> SilenceView:
    """A silence as it stands at ``now_us``."""
    state = "expired" if record.until_us <= now_us else "pending" if record.starts_us > now_us else "active"
    return SilenceView(
        id=record.uid,
        matchers=record.matchers,
        starts=rfc3339(record.starts_us),
        until=rfc3339(record.until_us),
        who=record.who,
        why=record.why,
        state=state,
    )


def fate_of(offset: int, decisions: Sequence[object], decided_to: int | None) -> str:
    """A message's fate; ``decided_to`` is where its router stands, None when no rule hears its topic."""
    if decisions:
        return "matched"
    if decided_to is None:
        return "unrouted"
    return "undecided" if offset >= decided_to else "unmatched"


def message_view(
    topic: str, message: Message, spec: DecodeSpec, fate: str, decisions: list[DecisionView]
) -> SeenMessage:
    """A message as people read it."""
    text = decode(message.data, spec).text
    return SeenMessage(
        topic=topic,
        offset=message.offset,
        published=rfc3339(message.publish_time_us),
        attributes=message.attributes,
        data=hide_in_text(text[:_SHOWN_RUNES]),
        cut=len(text) > _SHOWN_RUNES,
        fate=fate,
        decisions=decisions,
    )


def summary_of(delivery: Delivery) -> str:
    """The title of a delivery's post, or the beginning of its text, in one line."""
    post = post_from_bytes(delivery.new.post)
    return " ".join((post.title or post.text).split())[:_SUMMARY_RUNES]
