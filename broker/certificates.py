"""Certificate bindings: which user a certificate's subject logs in as.

Subjects are compared as whole texts in the fixed form that ``bridge/api/x509.py`` writes (ams-api.md D13); this file
does not read certificates.
"""

from __future__ import annotations

import msgspec

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import NotFound
from broker.records import CertificateBinding, User
from broker.tokens import Entropy, random_uid


class Certificates:
    """The bindings of certificate subjects to users."""

    def __init__(self, cache: CatalogCache, clock: Clock, entropy: Entropy) -> None:
        self._cache = cache
        self._clock = clock
        self._entropy = entropy

    async def bind(self, subject: str, user: User, created_by: str = "", *, name: str = "") -> CertificateBinding:
        """Let the subject log in as the user; binding it again replaces the user, and with a name the name."""
        now_us = self._clock.wall_us()
        bound = self._cache.find(CertificateBinding, subject)
        if bound is not None and bound.user_uid == user.uid and name in ("", bound.name):
            return bound
        if bound is not None:
            await self._cache.remove(bound)
        binding = CertificateBinding(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            subject=subject,
            user_uid=user.uid,
            name=name,
        )
        return await self._cache.create(binding, subject)

    async def change(self, bound: CertificateBinding, subject: str, user: User, name: str) -> CertificateBinding:
        """Give a binding another subject, user and name. Raises NotFound, AlreadyExists when the subject is bound."""
        now_us = self._clock.wall_us()
        return await self._cache.change(
            bound,
            lambda changed: changed.subject,
            lambda now: msgspec.structs.replace(now, subject=subject, user_uid=user.uid, name=name, modified_us=now_us),
        )

    async def unbind(self, subject: str) -> None:
        """Forget the binding. Raises NotFound."""
        bound = self._cache.find(CertificateBinding, subject)
        if bound is None:
            raise NotFound("certificate", subject)
        await self._cache.remove(bound)

    def find_by_name(self, name: str) -> CertificateBinding | None:
        """The binding of this name; one that was made without has the name of its user."""
        every = self._cache.list_all(CertificateBinding)
        binding = next((candidate for candidate in every if candidate.name == name), None)
        if binding is not None or not name:
            return binding
        users = {user.uid for user in (self._cache.find(User, name),) if user is not None}
        return next((candidate for candidate in every if not candidate.name and candidate.user_uid in users), None)

    def user_of(self, subject: str) -> User | None:
        """The user bound to the subject, or None; also when the user is gone."""
        bound = self._cache.find(CertificateBinding, subject)
        return None if bound is None else self._cache.find_by_uid(User, bound.user_uid)
