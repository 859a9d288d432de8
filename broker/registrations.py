"""Registrations: people ask to become users, an administrator accepts or declines (ams-api.md 9.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import AlreadyExists, NotFound
from broker.names import check_name
from broker.records import Registration, User
from broker.tokens import Entropy, random_hex, random_uid
from broker.users import Profile, Users


class Registrations:
    """The requests, pending and settled."""

    def __init__(self, cache: CatalogCache, clock: Clock, entropy: Entropy, users: Users) -> None:
        self._cache = cache
        self._clock = clock
        self._entropy = entropy
        self._users = users

    async def create(self, name: str, profile: Profile) -> Registration:
        """A new pending request.

        Raises InvalidName, and AlreadyExists for the name of a user; a second request may bear it.
        """
        check_name("user", name)
        if self._cache.find(User, name) is not None:
            raise AlreadyExists("user", name)
        uid = random_uid(self._entropy)
        now_us = self._clock.wall_us()
        registration = Registration(
            uid=uid,
            created_us=now_us,
            modified_us=now_us,
            name=name,
            first_name=profile.first_name,
            last_name=profile.last_name,
            organization=profile.organization,
            description=profile.description,
            email=profile.email,
            activation_token=random_hex(self._entropy),
        )
        return await self._cache.create(registration, uid)

    async def accept(self, registration: Registration, by_uid: str) -> User:
        """Accept a registration: make its user, without roles.

        Raises NotFound when it is not pending, AlreadyExists when the name is taken.
        """
        pending = self.get_pending(registration.uid)
        profile = Profile(
            pending.email, pending.first_name, pending.last_name, pending.organization, pending.description
        )
        user = await self._users.create(pending.name, profile, created_by=by_uid)
        await self._settle(pending, "accepted", "", by_uid)
        return user

    async def decline(self, registration: Registration, comment: str, by_uid: str) -> None:
        """Decline a registration with a comment. Raises NotFound when it is not pending."""
        await self._settle(self.get_pending(registration.uid), "declined", comment, by_uid)

    async def delete(self, registration: Registration) -> None:
        """Delete a registration, whatever became of it."""
        await self._cache.remove(registration)

    def get_pending(self, uid: str) -> Registration:
        """The registration, as long as it is pending. Raises NotFound."""
        registration = self._cache.find_by_uid(Registration, uid)
        if registration is None or registration.status != "pending":
            raise NotFound("registration", uid)
        return registration

    async def _settle(
        self, registration: Registration, status: Literal["accepted", "declined"], comment: str, by_uid: str
    ) -> None:
        def edit(current: Registration) -> Registration:
            if current.status != "pending":
                raise NotFound("registration", current.uid)
            return msgspec.structs.replace(
                current,
                status=status,
                decline_comment=comment,
                activation_token="",
                modified_by=by_uid,
                modified_us=self._clock.wall_us(),
            )

        key_of: Callable[[Registration], str] = lambda settled: settled.uid  # noqa: E731
        await self._cache.change(registration, key_of, edit)
