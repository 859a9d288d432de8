"""Adds silences, ends them and lists them: who keeps what quiet, until when, and why (semantics.md item 20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_times import rfc3339
from bridge.operate.operator_views import SilenceView, silence_view
from bridge.operate.silence_coverage import Coverage, coverage_of
from bridge.operate.silencing import add_silence, change_silence, expire_silence
from broker.errors import NotFound
from broker.records import SilenceRecord
from rules.source.bounds import moment_us, seconds_us
from rules.source.problems import ProblemsFound

_LONGEST_TEXT: Final = 1_000
_ENDS_LATER: Final = "a silence must end later than it starts, and later than now"
_MOST_MATCHERS: Final = 100
_LONGEST_MATCHERS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class SilenceSpan:
    """From when until when a silence holds."""

    starts_us: int
    until_us: int


class SilencesPage(msgspec.Struct, frozen=True):
    """The silences, the first to end first."""

    silences: list[SilenceView]


class SilenceAdded(msgspec.Struct, frozen=True):
    """A silence that holds, how many waiting deliveries it ``suppressed``, and what it ``covers`` now."""

    silence: SilenceView
    suppressed: int
    covers: Coverage


def list_silences(context: OperatorContext, *, with_expired: bool) -> SilencesPage:
    """Pending and active ones, with ``with_expired`` those that ended too."""
    now_us = context.clock.wall_us()
    records = sorted(context.broker.cache.list_all(SilenceRecord), key=lambda record: record.until_us)
    views = [silence_view(record, now_us) for record in records]
    return SilencesPage([view for view in views if with_expired or view.state != "expired"])


def silence_span(now_us: int, *, starts_us: int | None, until_us: int | None, for_s: float | None) -> SilenceSpan:
    """When a silence holds that starts then, or now, and ends either then or ``for_s`` later. Raises InvalidInput."""
    if (until_us is None) == (for_s is None):
        raise InvalidInput("until", "say when it ends: either until (a time) or for_s (seconds)")
    if for_s is not None and for_s <= 0:
        raise InvalidInput("for_s", _ENDS_LATER)
    begins_us = now_us if starts_us is None else starts_us
    try:
        ends_us = begins_us + seconds_us(for_s, "for_s") if until_us is None and for_s is not None else until_us or 0
        span = SilenceSpan(begins_us, moment_us(ends_us, "its end"))
    except ValueError as error:
        raise InvalidInput("for_s" if until_us is None else "until", str(error)) from error
    if span.until_us <= max(span.starts_us, now_us):
        raise InvalidInput("until" if for_s is None else "for_s", _ENDS_LATER)
    return span


async def begin_silence(
    context: OperatorContext,
    by: Requester,
    matchers: Mapping[str, Any],
    span: SilenceSpan,
    *,
    why: str = "",
    who: str = "",
    keep_waiting: bool = False,
) -> SilenceAdded:
    """Add a silence in the name of ``who``, or else of whoever asks; it holds when this returns.

    Raises InvalidInput, StoreUnavailable, OutcomeUnknown.
    """
    if len(matchers) > _MOST_MATCHERS or len(msgspec.json.encode(matchers)) > _LONGEST_MATCHERS:
        text = f"matchers: at most {_MOST_MATCHERS} of them, and {_LONGEST_MATCHERS} bytes in all"
        raise InvalidInput("matchers", text)
    if max(len(why), len(who)) > _LONGEST_TEXT:
        raise InvalidInput("why", f"why and who may have {_LONGEST_TEXT} characters each")
    now_us = context.clock.wall_us()
    try:
        covers = await coverage_of(context, matchers, now_us)
        record, suppressed = await add_silence(
            context,
            matchers=matchers,
            starts_us=span.starts_us,
            until_us=span.until_us,
            who=who or by.who,
            why=why,
            keep_waiting=keep_waiting,
        )
    except ProblemsFound as error:
        text = "\n".join(f"{problem.path}: {problem.text}" for problem in error.problems)
        raise InvalidInput("matchers", text) from error
    until = rfc3339(span.until_us)
    after = {"matchers": dict(matchers), "until": until, "for": record.who, "suppressed": suppressed}
    await context.note(by, "silence.add", record.uid, after=after)
    return SilenceAdded(silence_view(record, now_us), suppressed, covers)


def _silence(context: OperatorContext, begun: str) -> SilenceRecord:
    """The silence with this id, or with the only one that begins so. Raises NoSuchThing, InvalidInput."""
    record = context.broker.cache.find_by_uid(SilenceRecord, begun)
    if record is not None:
        return record
    silences = [
        silence for silence in context.broker.cache.list_all(SilenceRecord) if begun and silence.uid.startswith(begun)
    ]
    if len(silences) > 1:
        ids = ", ".join(sorted(silence.uid for silence in silences)[:10])
        raise InvalidInput("id", f'several silences have ids that begin with "{begun}": {ids}')
    if not silences:
        raise NoSuchThing("silence", begun)
    return silences[0]


async def change_span(
    context: OperatorContext,
    by: Requester,
    silence_id: str,
    *,
    until_us: int | None = None,
    for_s: float | None = None,
    longer_s: float | None = None,
    why: str | None = None,
) -> SilenceView:
    """Let a silence end at a moment, ``for_s`` from now, or ``longer_s`` later than it would; or say another why.

    Raises NoSuchThing, also for one that has ended, InvalidInput, StoreUnavailable, OutcomeUnknown.
    """
    record, now_us = _silence(context, silence_id), context.clock.wall_us()
    if sum(given is not None for given in (until_us, for_s, longer_s)) > 1:
        raise InvalidInput("until", "say one of until (a time), for_s (from now) and longer_s (from its end)")
    if why is not None and len(why) > _LONGEST_TEXT:
        raise InvalidInput("why", f"why may have {_LONGEST_TEXT} characters")
    ends_us = record.until_us
    if longer_s is not None:
        ends_us = silence_span(now_us, starts_us=record.until_us, until_us=None, for_s=longer_s).until_us
    elif until_us is not None or for_s is not None:
        ends_us = silence_span(now_us, starts_us=None, until_us=until_us, for_s=for_s).until_us
    if ends_us <= record.starts_us:
        raise InvalidInput("until", _ENDS_LATER)
    try:
        before, after = await change_silence(context, record, until_us=ends_us, why=why)
    except NotFound as error:
        raise NoSuchThing("silence", silence_id, "this silence has ended: add another") from error
    earlier, later = _changeable(before), _changeable(after)
    changed = [name for name in earlier if earlier[name] != later[name]]
    if changed:
        facts = ({name: each[name] for name in changed} for each in (earlier, later))
        await context.note(by, "silence.change", record.uid, before=next(facts), after=next(facts))
    return silence_view(after, now_us)


def _changeable(record: SilenceRecord) -> dict[str, str]:
    return {"until": rfc3339(record.until_us), "why": record.why}


async def end_silence(context: OperatorContext, by: Requester, silence_id: str) -> SilenceView:
    """End a silence now; what it kept quiet and still fires is told. One that has ended already stays as it is.

    It is named by its id, or by a beginning that no other has. Raises NoSuchThing, InvalidInput, StoreUnavailable,
    OutcomeUnknown.
    """
    record = _silence(context, silence_id)
    ended = await expire_silence(context, record)
    before, after = rfc3339(record.until_us), rfc3339(ended.until_us)
    if before != after:
        await context.note(by, "silence.expire", record.uid, before={"until": before}, after={"until": after})
    return silence_view(ended, context.clock.wall_us())
