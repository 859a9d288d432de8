"""``/api/silences``: who keeps what quiet, until when, and why."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_times import read_time_us, rfc3339
from bridge.operate.operator_views import SilenceView, silence_view
from bridge.operate.silence_coverage import coverage_of
from bridge.operate.silencing import add_silence, expire_silence
from broker.records import SilenceRecord
from rules.source.bounds import moment_us, seconds_us
from rules.source.problems import ProblemsFound

_LONGEST_TEXT: Final = 1_000
_ENDS_LATER: Final = "a silence must end later than it starts, and later than now"
_MOST_MATCHERS: Final = 100
_LONGEST_MATCHERS: Final = 64 * 1024


class NewSilence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A silence to add; it ends at ``until``, or ``for_s`` seconds after it starts; ``starts`` is now if not given."""

    matchers: dict[str, Any]
    until: str = ""
    for_s: float | None = None
    starts: str = ""
    why: str = ""
    who: str = ""
    keep_waiting: bool = False


async def all_silences(asked: OperatorRequest) -> dict[str, list[SilenceView]]:
    """GET /api/silences: pending and active ones, with ``all`` the expired ones too; the first to end comes first."""
    now_us = asked.source.clock.wall_us()
    records = sorted(asked.source.broker.cache.all(SilenceRecord), key=lambda record: record.until_us)
    views = [silence_view(record, now_us) for record in records]
    return {"silences": [view for view in views if asked.asks_for("all") or view.state != "expired"]}


async def add(asked: OperatorRequest) -> dict[str, Any]:
    """POST /api/silences: holds from the moment it is answered; says what it covers now, and what it settled."""
    return await added(asked, await asked.body(NewSilence))


async def added(asked: OperatorRequest, said: NewSilence) -> dict[str, Any]:
    """Add a silence in the name of whoever asks. Raises Refusal for what cannot be."""
    now_us = asked.source.clock.wall_us()
    starts_us, until_us = _span(said, now_us)
    if len(said.matchers) > _MOST_MATCHERS or len(msgspec.json.encode(said.matchers)) > _LONGEST_MATCHERS:
        raise Refusal(400, f"matchers: at most {_MOST_MATCHERS} of them, and {_LONGEST_MATCHERS} bytes in all")
    if max(len(said.why), len(said.who)) > _LONGEST_TEXT:
        raise Refusal(400, f"why and who may have {_LONGEST_TEXT} characters each")
    try:
        covers = await coverage_of(asked.source, said.matchers, now_us)
        record, suppressed = await add_silence(
            asked.source,
            matchers=said.matchers,
            starts_us=starts_us,
            until_us=until_us,
            who=said.who or asked.who,
            why=said.why,
            keep_waiting=said.keep_waiting,
        )
    except ProblemsFound as error:
        raise Refusal(400, "\n".join(f"{problem.path}: {problem.text}" for problem in error.problems)) from error
    after = {"matchers": dict(said.matchers), "until": rfc3339(until_us), "for": record.who, "suppressed": suppressed}
    await asked.note("silence.add", record.uid, after=after)
    return {"silence": silence_view(record, now_us), "suppressed": suppressed, "covers": covers}


async def expire(asked: OperatorRequest) -> dict[str, SilenceView]:
    """POST /api/silences/{id}:expire: it ends now, and what it kept quiet and still fires is told.

    One that has ended already stays as it is.
    """
    record = asked.source.broker.cache.by_uid(SilenceRecord, asked.request.path_params["id"])
    if record is None:
        raise Refusal(404, "there is no such silence")
    ended = await expire_silence(asked.source, record)
    before, after = rfc3339(record.until_us), rfc3339(ended.until_us)
    if before != after:
        await asked.note("silence.expire", record.uid, before={"until": before}, after={"until": after})
    return {"silence": silence_view(ended, asked.source.clock.wall_us())}


def _span(said: NewSilence, now_us: int) -> tuple[int, int]:
    if bool(said.until) == (said.for_s is not None):
        raise Refusal(400, "say when it ends: either until (a time) or for_s (seconds)")
    if said.for_s is not None and said.for_s <= 0:
        raise Refusal(400, _ENDS_LATER)
    try:
        starts_us = read_time_us(said.starts) if said.starts else now_us
        ends_us = read_time_us(said.until) if said.for_s is None else starts_us + seconds_us(said.for_s, "for_s")
        until_us = moment_us(ends_us, "its end")
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    if until_us <= max(starts_us, now_us):
        raise Refusal(400, _ENDS_LATER)
    return starts_us, until_us
