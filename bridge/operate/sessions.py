"""Lists sessions of the pages, and ends them: one's own, or anybody's as an admin."""

from __future__ import annotations

import msgspec

from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.operator_times import rfc3339
from bridge.operate.rights import has_right
from broker.records import Person, SessionRecord, User
from broker.tokens import digest_of_token


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as shown: whose, begun ``how`` and from where, and until when it lasts at most."""

    id: str
    name: str
    how: str
    address: str
    since: str
    until: str


class SessionsPage(msgspec.Struct, frozen=True):
    """Sessions, the newest first."""

    sessions: list[SessionView]


def password_proof(person: Person) -> str:
    """What a session begun with the person's password of now carries; it changes with the password, "" is none's."""
    return digest_of_token(person.password_hash.encode()) if person.password_hash else ""


def list_sessions(context: OperatorContext, by: Requester) -> SessionsPage:
    """The sessions that whoever asks may end: all for an admin, their own for others."""
    return SessionsPage([_view(session) for session in _sessions_of(context, by)[::-1]])


async def end_session(context: OperatorContext, by: Requester, session_id: str) -> SessionView:
    """End a session: its cookie opens nothing any more. Raises NoSuchThing, StoreUnavailable."""
    session = next((each for each in _sessions_of(context, by) if each.uid == session_id), None)
    if session is None:
        raise NoSuchThing("session", session_id)
    await context.broker.cache.remove(session)
    await context.note(by, "session.end", session.name, before={"how": session.how, "address": session.address})
    return _view(session)


def _sessions_of(context: OperatorContext, by: Requester) -> list[SessionRecord]:
    """Those not past their end that belong to whoever asks, the oldest first."""
    cache, now_us = context.broker.cache, context.clock.wall_us()
    living = [session for session in cache.list_all(SessionRecord) if session.until_us > now_us]
    if has_right(by.role, "administer"):
        return living
    user = cache.find_by_uid(User, by.user_uid) if by.user_uid else None
    return [
        session
        for session in living
        if (by.person_uid and session.person_uid == by.person_uid)
        or (user is not None and session.token_digest == user.token_digest)
    ]


def _view(session: SessionRecord) -> SessionView:
    return SessionView(
        id=session.uid,
        name=session.name,
        how=session.how,
        address=session.address,
        since=rfc3339(session.created_us),
        until=rfc3339(session.until_us),
    )
