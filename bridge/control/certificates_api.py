"""``/api/certificates``: which certificate subject logs in as which user (ams-api.md section 13, D13)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.operate.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_times import rfc3339
from broker.errors import NotFound
from broker.records import CertificateBinding, User

_LONGEST_SUBJECT: Final = 2_000


class Binding(msgspec.Struct, frozen=True):
    """A binding as shown."""

    subject: str
    user: str
    created: str


class NewBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binding to make: the whole subject, in AMS's form, RFC 4514's or GOCDB's (``/C=GR/O=...``)."""

    subject: str
    user: str


class OldBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binding to forget."""

    subject: str


async def all_bindings(asked: OperatorRequest) -> dict[str, list[Binding]]:
    """GET /api/certificates: every binding whose user exists, oldest first."""
    cache = asked.source.broker.cache
    shown = []
    for bound in cache.all(CertificateBinding):
        user = cache.by_uid(User, bound.user_uid)
        if user is not None:
            shown.append(Binding(bound.subject, user.name, rfc3339(bound.created_us)))
    return {"certificates": shown}


async def bind(asked: OperatorRequest) -> dict[str, Any]:
    """POST /api/certificates: let a subject log in as a user; binding it again replaces the user."""
    said = await asked.body(NewBinding)
    if not 0 < len(said.subject) <= _LONGEST_SUBJECT or "=" not in said.subject:
        raise Refusal(400, "subject is a whole certificate subject, such as CN=ce.example.org,O=Example,C=GR")
    user = asked.source.broker.cache.find(User, said.user)
    if user is None:
        raise Refusal(404, f"there is no user {said.user!r}")
    bound = await asked.source.broker.certificates.bind(said.subject, user)
    await asked.note("certificate.bind", bound.subject, after={"user": user.name})
    return {"certificate": Binding(bound.subject, user.name, rfc3339(bound.created_us))}


async def unbind(asked: OperatorRequest) -> dict[str, Any]:
    """POST /api/certificates:unbind: the subject logs in no more."""
    said = await asked.body(OldBinding)
    try:
        await asked.source.broker.certificates.unbind(said.subject)
    except NotFound as error:
        raise Refusal(404, "there is no such binding") from error
    await asked.note("certificate.unbind", said.subject)
    return {}
