"""Lists the audit trail: who logged in or failed to, and who changed what, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bridge.core.audit import StoredEntry
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import ago_us, rfc3339
from bridge.operate.time_spans import TimeSpan

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1_000


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit trail as shown; ``address`` is where it came from, ``outcome`` done or refused."""

    number: int
    at: str
    who: str
    address: str
    what: str
    target: str
    outcome: str
    before: dict[str, Any]
    after: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True):
    """One page, newest first; ``next`` is the ``before`` of the page behind it, null on the last."""

    entries: list[AuditView]
    next: int | None


async def list_audit(
    context: OperatorContext,
    beginnings: Mapping[str, str],
    *,
    since_s: float | None = None,
    span: TimeSpan | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> AuditPage:
    """What people and programs did; ``beginnings`` say what fields of an entry begin with.

    Raises InvalidInput, StoreUnavailable.
    """
    if context.audit is None:
        return AuditPage([], None)
    entries, following = await context.audit.list_newest(
        min(limit or _PAGE, _LONGEST_PAGE),
        before=before,
        since_us=max(0 if since_s is None else ago_us(context.clock, since_s), 0 if span is None else span.since_us),
        until_us=None if span is None else span.until_us,
        wanted=beginnings,
    )
    return AuditPage([audit_view(entry) for entry in entries], following)


def audit_view(entry: StoredEntry) -> AuditView:
    """An entry as people are shown it."""
    return AuditView(
        number=entry.number,
        at=rfc3339(entry.at_us),
        who=entry.entry.who,
        address=entry.entry.address,
        what=entry.entry.what,
        target=entry.entry.target,
        outcome=entry.entry.outcome,
        before=entry.entry.before,
        after=entry.entry.after,
    )
