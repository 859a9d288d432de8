"""Lists what was decided and not told at once: each with what kept it quiet, in words, and until when."""

from __future__ import annotations

from typing import Final, get_args

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import InvalidInput
from bridge.operate.operator_times import rfc3339
from bridge.operate.quiet_reasons import QuietReasons
from bridge.operate.time_spans import TimeSpan
from bridge.operate.topic_names import topic_names, topic_uid_or_none
from broker.model import DecisionQuery
from rules.model import JudgementOutcome
from rules.source.words import suggest_of

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1_000
QUIET_OUTCOMES: Final = tuple(outcome for outcome in get_args(JudgementOutcome) if outcome != "sent")


class QuietThing(msgspec.Struct, frozen=True, kw_only=True):
    """One decided send that was not told at once.

    ``outcome`` is suppressed, held (told later), dropped, shadow or updated; ``by`` what did it, as it is on record;
    ``why`` the same in words, ``until`` when that ends, null where nobody knows. ``silence`` is the id of one that did.
    """

    seq: int
    at: str
    outcome: str
    by: str
    why: str
    until: str | None
    silence: str
    rule: str
    destination: str
    key: str
    topic: str
    offset: int | None


class QuietPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page, newest first; ``next`` is the ``before`` of the page behind it, null on the last."""

    quiet: list[QuietThing]
    next: int | None


class QuietFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is meant; "" and None leave a question open. ``by`` is a reason, or the part of it before its colon."""

    outcome: str = ""
    by: str = ""
    topic: str = ""
    rule: str = ""
    destination: str = ""
    key: str = ""
    span: TimeSpan | None = None


async def list_quiet(
    context: OperatorContext, wanted: QuietFilter, *, before: int | None = None, limit: int | None = None
) -> QuietPage:
    """A page of what was kept quiet. Raises InvalidInput, NoSuchThing, StoreUnavailable."""
    if wanted.outcome not in ("", *QUIET_OUTCOMES):
        near = suggest_of(wanted.outcome, QUIET_OUTCOMES, "outcomes")
        raise InvalidInput("outcome", f'there is no outcome "{wanted.outcome[:40]}" of this kind{near}')
    most = max(1, min(limit or _PAGE, _LONGEST_PAGE))
    query = DecisionQuery(
        since_us=None if wanted.span is None else wanted.span.since_us,
        until_us=None if wanted.span is None else wanted.span.until_us,
        topic_uid=topic_uid_or_none(context.broker, wanted.topic),
        rule=wanted.rule or None,
        destination=wanted.destination or None,
        key=wanted.key or None,
        outcome=wanted.outcome or None,
        by=wanted.by or None,
        before_seq=before,
        limit=most + 1,
    )
    records = await context.store.decisions.find_quiet(query)
    names, reasons = topic_names(context.broker), QuietReasons(context)
    shown = []
    for record in records[:most]:
        reason = reasons.reason_of(record.rule, record.by, record.outcome, record.at_us)
        shown.append(
            QuietThing(
                seq=record.seq,
                at=rfc3339(record.at_us),
                outcome=record.outcome,
                by=record.by,
                why=reason.text,
                until=reason.until,
                silence=reason.silence,
                rule=record.rule,
                destination=record.destination,
                key=record.key,
                topic=names.get(record.topic_uid, ""),
                offset=record.offset if record.offset >= 0 else None,
            )
        )
    return QuietPage(quiet=shown, next=shown[-1].seq if len(records) > most else None)
