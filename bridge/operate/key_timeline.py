"""What happened within a span of time, key by key: what was told, kept quiet and why, taken, and ended.

Read newest first and bounded: of a span that holds more than is read, the answer begins where all is known, and says
so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from bridge.operate.open_incidents import incident_id
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import rfc3339
from bridge.operate.quiet_reasons import QuietReasons
from bridge.operate.time_spans import TimeSpan, zone_name_of
from bridge.operate.timeline_entries import (
    TAKES,
    KeyedEntry,
    TimelineEntry,
    entry_of_decision,
    entry_of_delivery,
    entry_of_take,
    fold_repeats,
)
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from broker.clock import US_PER_S
from broker.gaps import read_gaps
from broker.model import DecisionQuery, DeliveryQuery

_PAGE: Final = 50
_LONGEST_PAGE: Final = 500
_MOST_DELIVERIES: Final = 2_000
_MOST_DECISIONS: Final = 4_000
_MOST_TAKES: Final = 500
_MOST_ENTRIES: Final = 12
_EVERY_ENTRY: Final = 500
"""So many entries of a key are shown where one key alone is looked at."""
BARS: Final = 24


class TimelineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a timeline is about; "" leaves a question open."""

    topic: str = ""
    rule: str = ""
    destination: str = ""
    key: str | None = None


class TimelineLane(msgspec.Struct, frozen=True, kw_only=True):
    """All that happened to one key of a rule, oldest first; ``more`` entries are not listed.

    ``counts`` are the entries by their kind, those of one entry that stands for several counted each.
    """

    id: str
    rule: str
    key: str
    severity: str
    first: str
    last: str
    counts: dict[str, int]
    entries: list[TimelineEntry]
    more: int


class TimelineBar(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the span, all parts being equally long, and how much happened in it by its kind."""

    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    counts: dict[str, int]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What happened from ``from`` until ``to``, the key that began first coming first.

    ``received`` counts the messages that came in. ``complete`` is false when the span holds more than is read: then
    everything from ``known_from`` on is here, and nothing before it. ``next`` is the ``after`` of the next page of
    keys, "" on the last; ``lanes`` of ``keys`` are on this one.
    """

    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    zone: str
    received: int
    counts: dict[str, int]
    complete: bool
    known_from: str
    keys: int
    lanes: list[TimelineLane]
    next: str
    bars: list[TimelineBar]


@dataclass(frozen=True, slots=True)
class _Happened:
    """Everything that is known from ``known_from_us`` on, oldest first."""

    entries: Sequence[KeyedEntry]
    known_from_us: int


async def read_timeline(
    context: OperatorContext, span: TimeSpan, wanted: TimelineFilter, *, after: str = "", limit: int | None = None
) -> Timeline:
    """A page of the keys to which something happened. Raises NoSuchThing, StoreUnavailable."""
    most = max(1, min(limit or _PAGE, _LONGEST_PAGE))
    happened = await _read(context, span, wanted)
    lanes = _lanes(happened.entries)
    place = next((nth + 1 for nth, (lane_id, _) in enumerate(lanes) if lane_id == after), 0) if after else 0
    page, rest = lanes[place : place + most], lanes[place + most :]
    shown = _EVERY_ENTRY if len(lanes) == 1 else _MOST_ENTRIES
    return Timeline(
        since=rfc3339(span.since_us),
        until=rfc3339(span.until_us),
        zone=zone_name_of(span.zone),
        received=await _count_received(context, span, wanted.topic),
        counts=_counts(happened.entries),
        complete=happened.known_from_us <= span.since_us,
        known_from=rfc3339(happened.known_from_us),
        keys=len(lanes),
        lanes=[_lane(context, lane_id, lane, shown) for lane_id, lane in page],
        next=page[-1][0] if rest and page else "",
        bars=_bars(span, happened.entries),
    )


async def _read(context: OperatorContext, span: TimeSpan, wanted: TimelineFilter) -> _Happened:
    topics, reasons = topic_names(context.broker), QuietReasons(context)
    topic_uid = topic_uid_or_none(context.broker, wanted.topic)
    rule, destination = wanted.rule or None, wanted.destination or None
    posts = DeliveryQuery(
        since_us=span.since_us,
        until_us=span.until_us,
        topic_uid=topic_uid,
        rule=rule,
        destination=destination,
        key=wanted.key,
        limit=_MOST_DELIVERIES,
    )
    others = DecisionQuery(
        since_us=span.since_us,
        until_us=span.until_us,
        topic_uid=topic_uid,
        rule=rule,
        destination=destination,
        key=wanted.key,
        limit=_MOST_DECISIONS,
    )
    deliveries = await context.store.outbox.find(posts)
    decisions = await context.store.decisions.find_quiet(others)
    known_from_us = max(
        deliveries[-1].new.created_us + 1 if len(deliveries) == _MOST_DELIVERIES else span.since_us,
        decisions[-1].at_us + 1 if len(decisions) == _MOST_DECISIONS else span.since_us,
    )
    entries = [
        entry_of_delivery(delivery, topics, reasons)
        for delivery in reversed(deliveries)
        if delivery.new.part == 0 and (delivery.state != "shadow" or delivery.new.offset < 0)
    ]
    entries += [entry_of_decision(record, topics, reasons) for record in reversed(decisions)]
    entries += await _takes(context, span, wanted)
    known = [entry for entry in entries if entry.at_us >= known_from_us]
    return _Happened(sorted(known, key=lambda entry: entry.at_us), known_from_us)


async def _takes(context: OperatorContext, span: TimeSpan, wanted: TimelineFilter) -> list[KeyedEntry]:
    """Incidents that were taken and given back: of every destination, and so of none that is asked for."""
    if context.audit is None or wanted.destination or wanted.topic:
        return []
    stored, _ = await context.audit.list_newest(
        _MOST_TAKES, since_us=span.since_us, until_us=span.until_us, wanted={"what": "incident."}
    )
    takes = [entry_of_take(entry) for entry in stored if entry.entry.what in TAKES]
    return [take for take in takes if wanted.rule in ("", take.rule) and (wanted.key is None or wanted.key == take.key)]


async def _count_received(context: OperatorContext, span: TimeSpan, topic: str) -> int:
    """How many messages came in, as far as they are kept."""
    only, log, count = topic_uid_or_none(context.broker, topic), context.store.log, 0
    for uid in topic_names(context.broker):
        if only in (None, uid) and (first := await log.offset_at(uid, span.since_us)) is not None:
            behind = await log.offset_at(uid, span.until_us)
            end = (await log.bounds(uid)).end if behind is None else behind
            gaps = await read_gaps(context.store, uid)
            count += max(0, end - first - gaps.count_within(first, end))
    return count


def _lanes(entries: Iterable[KeyedEntry]) -> list[tuple[str, list[KeyedEntry]]]:
    """The entries of each rule and key, by the name of that; what began first comes first."""
    lanes: dict[tuple[str, str], list[KeyedEntry]] = {}
    for entry in entries:
        lanes.setdefault((entry.rule, entry.key), []).append(entry)
    return [(incident_id(*place), lane) for place, lane in lanes.items()]


def _lane(context: OperatorContext, lane_id: str, lane: Sequence[KeyedEntry], most: int) -> TimelineLane:
    rule = context.in_force.rule_set.by_name.get(lane[0].rule)
    entries = fold_repeats(_with_ends(lane, None if rule is None else rule.quiet.dedupe_s))
    return TimelineLane(
        id=lane_id,
        rule=lane[0].rule,
        key=lane[0].key,
        severity=next((each.entry.severity for each in lane if each.entry.severity), ""),
        first=lane[0].entry.at,
        last=lane[-1].entry.at,
        counts=_counts(lane),
        entries=entries[:most],
        more=len(entries[most:]),
    )


def _with_ends(lane: Iterable[KeyedEntry], dedupe_s: float | None) -> Iterable[TimelineEntry]:
    """The entries; a duplicate with the end of the window of the post before it, where that is in sight."""
    told_us: dict[str, int] = {}
    for each in lane:
        entry = each.entry
        if entry.delivery:
            told_us[entry.destination] = each.at_us
        elif dedupe_s is not None and each.reason == "duplicate":
            begun_us = told_us.get(entry.destination)
            if begun_us is not None:
                entry = msgspec.structs.replace(entry, until=rfc3339(begun_us + round(dedupe_s * US_PER_S)))
        yield entry


def _counts(entries: Iterable[KeyedEntry]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in entries:
        counts[each.entry.kind] = counts.get(each.entry.kind, 0) + 1
    return counts


def _bars(span: TimeSpan, entries: Iterable[KeyedEntry]) -> list[TimelineBar]:
    """The span in equal parts."""
    edges = [span.since_us + span.length_us * nth // BARS for nth in range(BARS + 1)]
    parts: list[list[KeyedEntry]] = [[] for _ in range(BARS)]
    for each in entries:
        parts[min(BARS - 1, (each.at_us - span.since_us) * BARS // span.length_us)].append(each)
    return [
        TimelineBar(since=rfc3339(edges[nth]), until=rfc3339(edges[nth + 1]), counts=_counts(part))
        for nth, part in enumerate(parts)
    ]
