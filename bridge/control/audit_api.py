"""``/api/audit``: who logged in or failed to, and who changed what, newest first."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.operate.http_answers import OperatorRequest
from bridge.operate.operator_times import rfc3339

_PAGE: Final = 100
_LONGEST_PAGE: Final = 1_000
_FIELDS: Final = ("who", "what", "address", "target")


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


async def entries(asked: OperatorRequest) -> AuditPage:
    """GET /api/audit: what people and programs did, newest first."""
    if asked.source.audit is None:
        return AuditPage([], None)
    since_s = asked.number("since_s")
    found, following = await asked.source.audit.newest(
        min(asked.number("limit") or _PAGE, _LONGEST_PAGE),
        before=asked.number("before"),
        since_us=0 if since_s is None else asked.ago_us(since_s),
        wanted={name: asked.query(name) for name in _FIELDS},
    )
    views = [
        AuditView(
            number=one.number,
            at=rfc3339(one.at_us),
            who=one.entry.who,
            address=one.entry.address,
            what=one.entry.what,
            target=one.entry.target,
            outcome=one.entry.outcome,
            before=one.entry.before,
            after=one.entry.after,
        )
        for one in found
    ]
    return AuditPage(views, following)
