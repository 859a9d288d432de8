"""Who may administer: the service token, and users with the service role service_admin; and their sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bridge.admin.session import COOKIE, Sessions
from bridge.app.parts import Daemon
from bridge.core.guesses import GuessLimit
from bridge.core.token_gate import TokenGate
from broker.access import SERVICE_ADMIN
from broker.records import User
from broker.tokens import digest_of_token, match_digests

SERVICE = "service token"
"""The name of whoever has the service token; no user can be called so."""
_METRICS_ROLES = frozenset({SERVICE_ADMIN, "metrics_viewer"})


class Admission:
    """Says whose a token or a session is, and slows down who guesses."""

    def __init__(self, daemon: Daemon) -> None:
        token = daemon.settings.auth.service_token
        self.service_token_digest = digest_of_token(token.reveal().encode()) if token else ""
        self._cache = daemon.broker.cache
        self.sessions = Sessions(os.urandom(32), daemon.clock, daemon.broker.cache, os.urandom)
        self.gate = TokenGate(GuessLimit(daemon.clock), self._is_known, daemon.audit.note)

    def admit(self, token: str) -> str | None:
        """The administrator's name, or None."""
        return self._holder(digest_of_token(token.encode()), frozenset({SERVICE_ADMIN}))

    def admit_to_metrics(self, token: str) -> str | None:
        """The name of whoever may read the metrics, or None."""
        return self._holder(digest_of_token(token.encode()), _METRICS_ROLES)

    def admit_session(self, cookies: Mapping[str, str]) -> str | None:
        """The name of whoever is logged in to the pages and may still see them, or None.

        Such may look at the API and change nothing there: the pages' forms prove where they come from, it cannot. Who
        holds the token now with which the session began decides: nobody does when it was replaced, or its user removed.
        """
        session = self.sessions.find(cookies.get(COOKIE, ""))
        return None if session is None else self._holder(session.token_digest, frozenset({SERVICE_ADMIN}))

    def _holder(self, digest: str, roles: frozenset[str]) -> str | None:
        if self.service_token_digest and match_digests(digest, self.service_token_digest):
            return SERVICE
        user: User | None = self._cache.find_user_by_digest(digest)
        return user.name if user is not None and not roles.isdisjoint(user.service_roles) else None

    def _is_known(self, digest: str) -> bool:
        service = bool(self.service_token_digest) and match_digests(digest, self.service_token_digest)
        return service or self._cache.find_user_by_digest(digest) is not None
