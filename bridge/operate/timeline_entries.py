"""What happened to the keys of rules, one record for each thing: told, ended, kept quiet, failed, taken, given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from bridge.core.audit import StoredEntry
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from bridge.operate.operator_views import summary_of
from bridge.operate.quiet_reasons import QuietReasons
from broker.model import DecisionRecord, Delivery
from rules.deciding.quiet.verdicts import OWED

EntryKind: TypeAlias = Literal["told", "ended", "quiet", "failed", "waiting", "taken", "given back"]
TAKES: Final[Mapping[str, EntryKind]] = {"incident.take": "taken", "incident.give-back": "given back"}
"""What the audit trail calls it when somebody takes an incident, or gives it back."""
_STATES: Final[Mapping[str, EntryKind]] = {"dead": "failed", "waiting": "waiting", "delivered": "told"}


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a key, or ``count`` of the same until ``last``.

    ``kind`` says what: told, ended (it is over, and that was told or nobody was to be), quiet, failed (a dead letter),
    waiting, taken, given back. ``word`` is the phase of a post, or the outcome of a decision; ``why`` and ``until``
    tell of what kept it quiet; ``arrived`` is when a post did. ``delivery`` is "" where nothing was to be sent.
    """

    at: str
    kind: EntryKind
    word: str
    destination: str = ""
    why: str = ""
    until: str | None = None
    silence: str = ""
    who: str = ""
    delivery: str = ""
    summary: str = ""
    severity: str = ""
    arrived: str | None = None
    topic: str = ""
    offset: int | None = None
    count: int = 1
    last: str = ""


class KeyedEntry(msgspec.Struct, frozen=True):
    """An entry with the rule and key that it is about, and when it was, for whoever puts them in order.

    ``reason`` is the kind of what kept it quiet.
    """

    at_us: int
    rule: str
    key: str
    entry: TimelineEntry
    reason: str = ""


def entry_of_delivery(delivery: Delivery, topics: Mapping[str, str], reasons: QuietReasons) -> KeyedEntry:
    """A post: told, failed or waiting, or what ended it before it was told."""
    new = delivery.new
    kind = _STATES.get(delivery.state, "quiet")
    if kind == "told" and new.phase in OWED:
        kind = "ended"
    why, until, silence = delivery.by if kind == "failed" else "", None, ""
    if kind == "quiet" and delivery.state in ("folded", "cancelled"):
        why = "told in a digest"
    elif kind == "quiet" and delivery.state == "dropped":
        why = f"dropped by {delivery.by}"
    elif kind == "quiet":
        reason = reasons.reason_of(new.rule, delivery.by, delivery.state, delivery.settled_us or new.created_us)
        why, until, silence = reason.text, reason.until, reason.silence
    entry = TimelineEntry(
        at=rfc3339(new.created_us),
        kind=kind,
        word=new.phase,
        destination=new.destination,
        why=why,
        until=until,
        silence=silence,
        delivery=delivery.id,
        summary=summary_of(delivery),
        severity=new.severity,
        arrived=rfc3339_or_none(delivery.settled_us) if delivery.state == "delivered" else None,
        topic=topics.get(new.topic_uid, ""),
        offset=new.offset if new.offset >= 0 else None,
    )
    return KeyedEntry(new.created_us, new.rule, new.key, entry)


def entry_of_decision(record: DecisionRecord, topics: Mapping[str, str], reasons: QuietReasons) -> KeyedEntry:
    """Something that made no post of its own: kept quiet, or over without anybody to be told."""
    reason = reasons.reason_of(record.rule, record.by, record.outcome, record.at_us)
    entry = TimelineEntry(
        at=rfc3339(record.at_us),
        kind="ended" if record.outcome == "updated" else "quiet",
        word=record.outcome,
        destination=record.destination,
        why=reason.text,
        until=reason.until,
        silence=reason.silence,
        topic=topics.get(record.topic_uid, ""),
        offset=record.offset if record.offset >= 0 else None,
    )
    return KeyedEntry(record.at_us, record.rule, record.key, entry, reason.kind)


def entry_of_take(stored: StoredEntry) -> KeyedEntry:
    """An incident that somebody took, or gave back."""
    rule, _, key = stored.entry.target.partition(": ")
    taken_by = str(stored.entry.after.get("taken_by") or stored.entry.who)
    entry = TimelineEntry(at=rfc3339(stored.at_us), kind=TAKES[stored.entry.what], word="", who=taken_by)
    return KeyedEntry(stored.at_us, rule, key, entry)


def fold_repeats(entries: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """The same entries, in order, those kept quiet one after the other for the same reason as one."""
    folded: list[TimelineEntry] = []
    for entry in entries:
        before = folded[-1] if folded else None
        if before is not None and _repeats(before, entry):
            folded[-1] = msgspec.structs.replace(before, count=before.count + 1, last=entry.at, until=entry.until)
        else:
            folded.append(entry)
    return folded


def _repeats(before: TimelineEntry, entry: TimelineEntry) -> bool:
    return (
        entry.kind == "quiet" == before.kind
        and not entry.delivery
        and not before.delivery
        and (entry.word, entry.destination, entry.why) == (before.word, before.destination, before.why)
    )
