"""People who see the pages and ask the operators' API: names with a role, a password's hash, a token's digest."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import InvalidName
from broker.records import Person
from broker.tokens import Entropy, digest_of_token, match_digests, random_hex, random_uid

PersonRole: TypeAlias = Literal["viewer", "responder", "admin"]
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")
"""Names of accounts and e-mail addresses, as proxies and providers give them."""


class People:
    """Makes, changes, finds and removes people. Names are compared in lower case."""

    def __init__(self, cache: CatalogCache, clock: Clock, entropy: Entropy) -> None:
        self._cache = cache
        self._clock = clock
        self._entropy = entropy

    def find(self, name: str) -> Person | None:
        """The person of this name, or None."""
        return self._cache.find(Person, name.lower())

    def find_by_token(self, digest: str) -> Person | None:
        """The person whose token has this digest, or None."""
        people = self._cache.list_all(Person)
        return next((each for each in people if each.token_digest and match_digests(each.token_digest, digest)), None)

    async def create(self, name: str, role: PersonRole, *, password_hash: str = "", created_by: str = "") -> Person:
        """A new person without a token. Raises InvalidName, AlreadyExists, StoreUnavailable."""
        name = check_person_name(name)
        now_us = self._clock.wall_us()
        person = Person(
            uid=random_uid(self._entropy),
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            name=name,
            role=role,
            password_hash=password_hash,
        )
        return await self._cache.create(person, name)

    async def set_role(self, person: Person, role: PersonRole) -> Person:
        """Give another role, which counts from the next request on. Raises NotFound, StoreUnavailable."""
        return await self._change(person, lambda now: msgspec.structs.replace(now, role=role))

    async def set_password(self, person: Person, password_hash: str) -> Person:
        """Give another password; sessions that the old one began are over. Raises NotFound, StoreUnavailable."""
        return await self._change(person, lambda now: msgspec.structs.replace(now, password_hash=password_hash))

    async def set_token(self, person: Person) -> tuple[Person, str]:
        """Give a fresh token, whose text is known to nobody after this; the old one is dead at once.

        Raises NotFound, StoreUnavailable.
        """
        text = random_hex(self._entropy)
        digest = digest_of_token(text.encode())
        return await self._change(person, lambda now: msgspec.structs.replace(now, token_digest=digest)), text

    async def remove(self, person: Person) -> None:
        """Remove a person; sessions and token are dead at once. Raises StoreUnavailable."""
        await self._cache.remove(person)

    async def _change(self, person: Person, edit: Callable[[Person], Person]) -> Person:
        def stamp(current: Person) -> Person:
            return msgspec.structs.replace(edit(current), modified_us=self._clock.wall_us())

        return await self._cache.change(person, lambda changed: changed.name, stamp)


def check_person_name(name: str) -> str:
    """The name in lower case, when it may be one. Raises InvalidName."""
    lower = name.lower()
    if _NAME.fullmatch(lower) is None:
        raise InvalidName("person", name)
    return lower
