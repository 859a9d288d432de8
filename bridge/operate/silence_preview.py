"""What a silence would have kept quiet lately and would keep quiet now, before anybody adds it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from bridge.core.waiting import Turn
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.silence_coverage import Coverage, coverage_of, coverage_text
from bridge.routing.routers import full_names
from broker.clock import US_PER_S
from broker.model import Delivery, DeliveryQuery
from rules.deciding.quiet.silences import CompiledSilence, Facts, compile_silence, covers_waiting
from rules.model import Silence
from rules.source.problems import ProblemsFound

LOOKED_BACK_DAYS: Final = 7
_DAY_S: Final = 86_400
_PAGE: Final = 500
_MOST_LOOKED_AT: Final = 20_000
_TURN_S: Final = 0.005
_NOT_TOLD: Final = ("shadow", "cancelled")


class SilencePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What matchers fit: ``posts`` of the last ``days`` (``critical`` ones among them), and what is open ``now``.

    ``complete`` is false when there were more deliveries in these days than were looked at, the newest.
    """

    posts: int
    critical: int
    days: int
    complete: bool
    now: Coverage


async def preview_silence(context: OperatorContext, matchers: Mapping[str, Any]) -> SilencePreview:
    """What a silence with these matchers would keep quiet; nothing is changed.

    Raises InvalidInput, StoreUnavailable.
    """
    now_us = context.clock.wall_us()
    try:
        compiled = compile_silence(Silence("new", matchers, 0, 0, "", ""))
        now = await coverage_of(context, matchers, now_us)
    except ProblemsFound as error:
        text = "\n".join(f"{problem.path}: {problem.text}" for problem in error.problems)
        raise InvalidInput("matchers", text) from error
    topics = {uid: name for uid, (name, _) in full_names(context.broker).items()}
    since_us = now_us - LOOKED_BACK_DAYS * _DAY_S * US_PER_S
    posts = critical = looked_at = 0
    before: int | None = None
    turn = Turn(context.clock, _TURN_S)
    while looked_at < _MOST_LOOKED_AT:
        query = DeliveryQuery(since_us=since_us, before_seq=before, limit=_PAGE)
        deliveries = await context.store.outbox.find(query)
        for delivery in deliveries:
            if _is_covered(compiled, delivery, topics, now_us):
                posts += 1
                critical += delivery.new.severity == "critical"
        looked_at += len(deliveries)
        if len(deliveries) < _PAGE:
            return SilencePreview(posts=posts, critical=critical, days=LOOKED_BACK_DAYS, complete=True, now=now)
        before = deliveries[-1].seq
        await turn.give()
    return SilencePreview(posts=posts, critical=critical, days=LOOKED_BACK_DAYS, complete=False, now=now)


def preview_text(preview: SilencePreview) -> str:
    """A preview in words: ``covers 14 posts of the last 7 days, 2 of them critical; now: 3 open incidents``."""
    posts = f"{preview.posts:,} {'post' if preview.posts == 1 else 'posts'}"
    critical = f", {preview.critical:,} of them critical" if preview.critical else ""
    among = "" if preview.complete else f", among the {_MOST_LOOKED_AT:,} newest"
    now = coverage_text(**msgspec.structs.asdict(preview.now)).removeprefix("covers ").removesuffix(" now")
    return f"covers {posts} of the last {preview.days} days{critical}{among}; now: {now}"


def _is_covered(compiled: CompiledSilence, delivery: Delivery, topics: Mapping[str, str], now_us: int) -> bool:
    new = delivery.new
    if new.part or delivery.state in _NOT_TOLD:
        return False
    facts = Facts(new.rule, topics.get(new.topic_uid, ""), new.destination, new.key, partial(_severity, delivery))
    return covers_waiting(compiled, facts, new.places, now_us)


def _severity(delivery: Delivery) -> str:
    return delivery.new.severity
