"""Says which certificate subject logs in as which user, and changes it (ams-api.md section 13, D13)."""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput, NoSuchThing
from bridge.operate.operator_times import rfc3339
from broker.errors import NotFound
from broker.records import CertificateBinding, User

_LONGEST_SUBJECT: Final = 2_000


class Binding(msgspec.Struct, frozen=True):
    """A certificate subject, the user it logs in as, and since when."""

    subject: str
    user: str
    created: str


class BindingsPage(msgspec.Struct, frozen=True):
    """Every binding whose user exists, oldest first."""

    certificates: list[Binding]


def list_bindings(context: OperatorContext) -> BindingsPage:
    """The bindings as they are now."""
    cache = context.broker.cache
    users = [(bound, cache.find_by_uid(User, bound.user_uid)) for bound in cache.list_all(CertificateBinding)]
    shown = [Binding(bound.subject, user.name, rfc3339(bound.created_us)) for bound, user in users if user is not None]
    return BindingsPage(shown)


async def bind_certificate(context: OperatorContext, by: Requester, subject: str, user_name: str) -> Binding:
    """Let a subject log in as a user; binding it again replaces the user.

    Raises InvalidInput, NoSuchThing, StoreUnavailable.
    """
    if not 0 < len(subject) <= _LONGEST_SUBJECT or "=" not in subject:
        text = "subject is a whole certificate subject, such as CN=ce.example.org,O=Example,C=GR"
        raise InvalidInput("subject", text)
    user = context.broker.cache.find(User, user_name)
    if user is None:
        raise NoSuchThing("user", user_name, f"there is no user {user_name!r}")
    bound = await context.broker.certificates.bind(subject, user)
    await context.note(by, "certificate.bind", bound.subject, after={"user": user.name})
    return Binding(bound.subject, user.name, rfc3339(bound.created_us))


async def unbind_certificate(context: OperatorContext, by: Requester, subject: str) -> None:
    """Forget a binding: the subject logs in no more. Raises NoSuchThing, StoreUnavailable."""
    try:
        await context.broker.certificates.unbind(subject)
    except NotFound as error:
        raise NoSuchThing("binding", subject) from error
    await context.note(by, "certificate.unbind", subject)
