"""Finds messages, deliveries, incidents and silences by what they say, in one list."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import Final, Literal, TypeAlias

import msgspec

from bridge.operate.open_incidents import IncidentView, list_incidents
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_silences import list_silences
from bridge.operate.operator_times import rfc3339
from bridge.operate.operator_views import SilenceView, decision_view, delivery_view, fate_of, message_view
from bridge.operate.time_spans import TimeSpan
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from broker.names import router_cursor
from broker.search import Phrase, SearchMatch, SearchQuery, phrases_of, stands_in, words_of
from rules.events.decode import AUTO
from rules.source.bounds import int64_of
from rules.source.words import suggest_of

_PAGE: Final = 50
_LONGEST_PAGE: Final = 200
_MOST_LOOKED_AT: Final = 1_000
_SHOWN_RUNES: Final = 300
KINDS: Final = ("message", "delivery", "incident", "silence")
FATES: Final = (
    "matched", "unmatched", "undecided", "unrouted", "waiting", "delivered", "dead", "suppressed", "folded",
    "cancelled", "dropped", "shadow", "firing", "over", "active", "pending", "expired",
)  # fmt: skip
"""What became of it: of messages, deliveries, incidents and silences."""

FoundKind: TypeAlias = Literal["message", "delivery", "incident", "silence"]


class FoundThing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that fits: ``id`` names a delivery or silence, topic and offset a message, rule and key an incident.

    ``fate`` is what became of it, ``text`` what it says, cut.
    """

    kind: FoundKind
    at: str
    fate: str
    text: str
    by: str = ""
    id: str = ""
    topic: str = ""
    offset: int | None = None
    rule: str = ""
    destination: str = ""
    key: str = ""


class FindPage(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents and silences that fit come first, on the first page; then messages and deliveries, newest first.

    ``next`` is the ``before`` of the next page, "" on the last. ``indexed`` is false where messages and deliveries are
    not looked for (``search: false``), ``fresh`` while what came lately is not found yet.
    """

    results: list[FoundThing]
    next: str
    indexed: bool
    fresh: bool


class FindFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; "" and None leave a question open."""

    text: str = ""
    kind: str = ""
    fate: str = ""
    topic: str = ""
    rule: str = ""
    destination: str = ""
    key: str = ""
    span: TimeSpan | None = None


async def find_things(
    context: OperatorContext, wanted: FindFilter, *, before: str = "", limit: int | None = None
) -> FindPage:
    """A page of what fits. Raises InvalidInput, NoSuchThing, StoreUnavailable."""
    _check(wanted)
    most = max(1, min(limit or _PAGE, _LONGEST_PAGE))
    phrases = phrases_of(wanted.text)
    results: list[FoundThing] = []
    number = _number(before)
    if number is None:
        results += await _incidents(context, wanted, phrases)
        results += _silences(context, wanted, phrases)
    filling, following, fresh = context.search, None, True
    if filling is not None and wanted.kind in ("", "message", "delivery"):
        fresh = await filling.catch_up()
        more, following = await _Stored(context, wanted, phrases).list_page(number, most)
        results += more
    return FindPage(
        results=results, next="" if following is None else str(following), indexed=filling is not None, fresh=fresh
    )


def _check(wanted: FindFilter) -> None:
    if wanted.kind not in ("", *KINDS):
        raise InvalidInput("kind", f'there is no kind "{wanted.kind[:40]}"{suggest_of(wanted.kind, KINDS, "kinds")}')
    if wanted.fate not in ("", *FATES):
        raise InvalidInput("fate", f'there is no fate "{wanted.fate[:40]}"{suggest_of(wanted.fate, FATES, "fates")}')


def _number(before: str) -> int | None:
    number = int64_of(before) if before else None
    if before and (number is None or number < 0):
        raise InvalidInput("before", "before is what the page before gave as next")
    return number


class _Stored:
    """Finds what the index knows, and reads each where it stands."""

    def __init__(self, context: OperatorContext, wanted: FindFilter, phrases: list[Phrase]) -> None:
        self._context = context
        self._wanted = wanted
        self._phrases = phrases
        self._names = topic_names(context.broker)

    async def list_page(self, before: int | None, most: int) -> tuple[list[FoundThing], int | None]:
        """So many that fit below a number, and where the next page begins, or None."""
        results: list[FoundThing] = []
        looked_at = 0
        while looked_at < _MOST_LOOKED_AT:
            matches = await self._context.store.search.search(self._query(before, most))
            for match in matches:
                looked_at += 1
                before = match.number
                shown = await self._read(match)
                if shown is not None and self._wanted.fate in ("", shown.fate):
                    results.append(shown)
                if len(results) == most:
                    return results, before
            if len(matches) < most:
                return results, None
        return results, before

    def _query(self, before: int | None, limit: int) -> SearchQuery:
        wanted, span = self._wanted, self._wanted.span
        about_delivery = wanted.rule or wanted.destination or wanted.key
        kind = wanted.kind or ("delivery" if about_delivery else "")
        return SearchQuery(
            phrases=self._phrases,
            kind="message" if kind == "message" else "delivery" if kind == "delivery" else None,
            topic_uid=topic_uid_or_none(self._context.broker, wanted.topic),
            rule=wanted.rule or None,
            destination=wanted.destination or None,
            key=wanted.key or None,
            since_us=0 if span is None else span.since_us,
            until_us=None if span is None else span.until_us,
            before=before,
            limit=limit,
        )

    async def _read(self, match: SearchMatch) -> FoundThing | None:
        """The thing as it stands now; None when it is past its retention."""
        return await (self._message(match) if match.kind == "message" else self._delivery(match))

    async def _delivery(self, match: SearchMatch) -> FoundThing | None:
        stored = await self._context.store.outbox.read(match.id)
        if stored is None:
            return None
        view = delivery_view(stored[0], self._names)
        return FoundThing(
            kind="delivery",
            at=view.created,
            fate=view.state,
            text=view.summary,
            by=view.by,
            id=view.id,
            topic=view.topic,
            offset=view.offset,
            rule=view.rule,
            destination=view.destination,
            key=view.key,
        )

    async def _message(self, match: SearchMatch) -> FoundThing | None:
        uid, store, rule_set = match.topic_uid, self._context.store, self._context.in_force.rule_set
        name = self._names.get(uid)
        messages = await store.log.read(uid, match.place, 1, 1) if name is not None else ()
        if name is None or not messages or messages[0].offset != match.place:
            return None
        cursor = await store.cursors.get(router_cursor(uid)) if rule_set.list_heard_topics([name]) else None
        decisions = [decision_view(record) for record in await store.decisions.list_for_message(uid, match.place)]
        fate = fate_of(match.place, decisions, None if cursor is None else cursor.offset)
        view = message_view(name, messages[0], rule_set.decode.get(name, AUTO), fate, decisions)
        return FoundThing(
            kind="message",
            at=view.published,
            fate=fate,
            text=view.data[:_SHOWN_RUNES],
            topic=name,
            offset=view.offset,
            rule=", ".join(dict.fromkeys(decision.rule for decision in decisions)),
        )


async def _incidents(context: OperatorContext, wanted: FindFilter, phrases: list[Phrase]) -> list[FoundThing]:
    """Open incidents that fit: of all times, and of every destination that was told or was not."""
    if wanted.kind not in ("", "incident"):
        return []
    page = await list_incidents(context, rule=wanted.rule, limit=_LONGEST_PAGE)
    return [
        FoundThing(
            kind="incident",
            at=incident.since,
            fate="over" if incident.ended else "firing",
            text=incident.event[:_SHOWN_RUNES],
            by=incident.taken_by,
            id=incident.id,
            topic=incident.topic,
            offset=incident.offset,
            rule=incident.rule,
            key=incident.key,
        )
        for incident in page.incidents
        if _fits_incident(incident, wanted, context)
        and _says(f"{incident.key} {incident.rule} {incident.event}", phrases)
    ]


def _fits_incident(incident: IncidentView, wanted: FindFilter, context: OperatorContext) -> bool:
    topic_uid_or_none(context.broker, wanted.topic)
    places = [view.destination for view in incident.told] + [view.destination for view in incident.hidden]
    return (
        wanted.key in ("", incident.key)
        and wanted.fate in ("", "over" if incident.ended else "firing")
        and (not wanted.destination or wanted.destination in places)
        and (not wanted.topic or _full_name(wanted.topic) == incident.topic)
        and _within(incident.since, incident.last_seen, wanted.span)
    )


def _silences(context: OperatorContext, wanted: FindFilter, phrases: list[Phrase]) -> list[FoundThing]:
    if wanted.kind not in ("", "silence"):
        return []
    silences = list_silences(context, with_expired=bool(wanted.fate or wanted.span)).silences
    return [
        FoundThing(
            kind="silence",
            at=silence.starts,
            fate=silence.state,
            text=f"{_matchers_text(silence.matchers)}: {silence.why}",
            by=silence.who,
            id=silence.id,
        )
        for silence in silences
        if _fits_silence(silence, wanted)
        and _says(f"{_matchers_text(silence.matchers)} {silence.why} {silence.who}", phrases)
    ][:_LONGEST_PAGE]


def _fits_silence(silence: SilenceView, wanted: FindFilter) -> bool:
    named = {"rule": wanted.rule, "destination": wanted.destination, "key": wanted.key}
    return (
        wanted.fate in ("", silence.state)
        and not wanted.topic
        and all(not text or silence.matchers.get(name) == text for name, text in named.items())
        and _within(silence.starts, silence.until, wanted.span)
    )


def _matchers_text(matchers: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {value if isinstance(value, str) else dumps(value, ensure_ascii=False, default=str)}"
        for name, value in matchers.items()
    )


def _within(since: str, until: str, span: TimeSpan | None) -> bool:
    """Whether something that was from one time until another touches the span."""
    return span is None or (since[:19] <= rfc3339(span.until_us)[:19] and until[:19] >= rfc3339(span.since_us)[:19])


def _full_name(topic: str) -> str:
    parts = topic.strip("/").split("/")
    return f"projects/{parts[0]}/topics/{parts[1]}" if len(parts) == 2 else topic


def _says(text: str, phrases: list[Phrase]) -> bool:
    words = " ".join(words_of(text))
    return all(stands_in(phrase, words) for phrase in phrases)
