"""Who may see the pages and ask the operators' API, and with which role: the service token, users of AMS, and people.

The service token and users with the service role service_admin are admins. A user of AMS who administers projects sees
the pages of those alone. People (``broker/people.py``) have the role they were given.
"""

from __future__ import annotations

import os

from starlette.requests import Request

from bridge.admin.session import COOKIE, Sessions
from bridge.app.parts import Daemon
from bridge.core.guesses import GuessLimit
from bridge.core.password_gate import PasswordGate
from bridge.core.proxy_logins import ProxyLogins
from bridge.core.token_gate import TokenGate
from bridge.operate.operator_context import Requester
from bridge.operate.sessions import password_proof
from broker.access import PROJECT_ADMIN, SERVICE_ADMIN
from broker.records import Person, SessionRecord, User
from broker.tokens import digest_of_token, match_digests

SERVICE = "service token"
"""The name of whoever has the service token; no user and no person can be called so."""
_METRICS_VIEWER = "metrics_viewer"


class Admission:
    """Says whose a token or a session is, and slows down who guesses."""

    def __init__(self, daemon: Daemon) -> None:
        auth = daemon.settings.auth
        token = auth.service_token
        self.service_token_digest = digest_of_token(token.reveal().encode()) if token else ""
        self._cache = daemon.broker.cache
        self._people = daemon.broker.people
        self.sessions = Sessions(os.urandom(32), daemon.clock, daemon.broker.cache, os.urandom)
        self.proxy = None if auth.proxy is None else ProxyLogins(auth.proxy.header, auth.proxy.networks)
        by_address = GuessLimit(daemon.clock)
        note = daemon.audit.note
        self.gate = TokenGate(by_address, self._is_known, note)
        self.passwords = PasswordGate(by_address, GuessLimit(daemon.clock), os.urandom(32), note)

    def admit(self, token: str) -> Requester | None:
        """Who holds a token that may ask the operators' API, or None."""
        holder = self._holder(digest_of_token(token.encode()))
        return None if holder is None or holder.role == "project_admin" else holder

    def admit_to_pages(self, token: str) -> Requester | None:
        """Who holds a token that opens the pages, or None; of users who administer projects it opens those of these."""
        return self._holder(digest_of_token(token.encode()))

    def admit_to_metrics(self, token: str) -> Requester | None:
        """Who may read the metrics, or None."""
        digest = digest_of_token(token.encode())
        user = self._cache.find_user_by_digest(digest)
        if user is not None and _METRICS_VIEWER in user.service_roles:
            return Requester(user.name, user_uid=user.uid)
        return self.admit(token)

    def admit_session(self, request: Request) -> Requester | None:
        """Who is logged in to the pages and may still see them, or None.

        Such may look at the API and change nothing there: the pages' forms prove where they come from, it cannot. Who
        holds the token now with which the session began decides: nobody does when it was replaced, or its user
        removed. A password that was replaced, a person who was removed and a proxy that names another end it too.
        """
        session = self.sessions.find(request.cookies.get(COOKIE, ""))
        if session is None:
            return None
        return self._holder(session.token_digest) if session.how == "token" else self._person_of(session, request)

    def _person_of(self, session: SessionRecord, request: Request) -> Requester | None:
        person = self._cache.find_by_uid(Person, session.person_uid)
        if person is None:
            return None
        if session.how == "password" and not match_digests(session.token_digest, password_proof(person)):
            return None
        if session.how == "proxy" and self.find_named(request) != person:
            return None
        return _as_requester(person)

    def find_named(self, request: Request) -> Person | None:
        """The person whom a trusted proxy names, or None."""
        name = "" if self.proxy is None else self.proxy.name_of(request.scope)
        return self._people.find(name) if name else None

    def _holder(self, digest: str) -> Requester | None:
        if self._is_service(digest):
            return Requester(SERVICE, role="admin")
        user: User | None = self._cache.find_user_by_digest(digest)
        if user is None:
            person = self._people.find_by_token(digest)
            return None if person is None else _as_requester(person)
        if SERVICE_ADMIN in user.service_roles:
            return Requester(user.name, role="admin", user_uid=user.uid)
        if any(PROJECT_ADMIN in membership.roles for membership in user.memberships):
            return Requester(user.name, role="project_admin", user_uid=user.uid)
        return None

    def _is_service(self, digest: str) -> bool:
        return bool(self.service_token_digest) and match_digests(digest, self.service_token_digest)

    def _is_known(self, digest: str) -> bool:
        if self._is_service(digest) or self._cache.find_user_by_digest(digest) is not None:
            return True
        return self._people.find_by_token(digest) is not None


def _as_requester(person: Person) -> Requester:
    return Requester(person.name, role=person.role, person_uid=person.uid)
