"""Users: who holds a token, and the service roles and project roles that come with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from broker.access import ALL_ROLES, PROJECT_ROLES, is_member
from broker.catalog_cache import CatalogCache
from broker.clock import Clock
from broker.errors import AlreadyAMember, AlreadyExists, InvalidReference, NotAMember
from broker.names import check_name
from broker.records import Membership, Project, User
from broker.tokens import Entropy, Sealer, digest_of_token, random_hex, random_uid


@dataclass(frozen=True, slots=True)
class Profile:
    """What people say of a user; an empty text keeps what stands when a user is updated."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Grants:
    """Roles asked for: by project name, and service roles. None leaves them as they are."""

    projects: Sequence[tuple[str, Sequence[str]]] | None = None
    service_roles: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A request with uids in place of names; None keeps what stands."""

    memberships: tuple[Membership, ...] | None = None
    service_roles: tuple[str, ...] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


class Users:
    """Makes, changes, finds and removes the users of the service."""

    def __init__(self, cache: CatalogCache, clock: Clock, entropy: Entropy, sealer: Sealer) -> None:
        self._cache = cache
        self._clock = clock
        self._entropy = entropy
        self._sealer = sealer

    async def create(
        self,
        name: str,
        profile: Profile = Profile(),
        grants: Grants = Grants(),
        *,
        created_by: str = "",
        token: str | None = None,
    ) -> User:
        """A new user with a fresh token, or the given one.

        Raises AlreadyExists, InvalidName, InvalidReference, in that order.
        """
        check_name("user", name)
        if self._cache.find(User, name) is not None:
            raise AlreadyExists("user", name)
        resolved = self._resolve(profile, grants)
        uid = random_uid(self._entropy)
        text = token or random_hex(self._entropy)
        self._check_token_free(text, uid)
        now_us = self._clock.wall_us()
        user = User(
            uid=uid,
            created_us=now_us,
            modified_us=now_us,
            created_by=created_by,
            name=name,
            token_digest=digest_of_token(text.encode()),
            token_sealed=self._sealer.seal(text, uid),
            service_roles=resolved.service_roles or (),
            memberships=resolved.memberships or (),
            **resolved.fields,
        )
        return await self._cache.create(user, name)

    async def update(
        self,
        user: User,
        *,
        name: str = "",
        profile: Profile = Profile(),
        grants: Grants = Grants(),
    ) -> User:
        """Change what is given; roles are replaced whole.

        Raises InvalidName, InvalidReference, AlreadyExists, NotFound.
        """
        self.check(name, grants)
        resolved = self._resolve(profile, grants)

        def edit(current: User) -> User:
            return msgspec.structs.replace(
                current,
                name=name or current.name,
                memberships=current.memberships if resolved.memberships is None else resolved.memberships,
                service_roles=current.service_roles if resolved.service_roles is None else resolved.service_roles,
                **resolved.fields,
            )

        return await self._change(user, edit)

    def check(self, new_name: str, grants: Grants) -> None:
        """Whether an update could hold, before anybody is looked up. Raises InvalidName, InvalidReference."""
        if new_name:
            check_name("user", new_name)
        self._resolve(Profile(), grants)

    async def delete(self, user: User) -> None:
        """Remove a user; the token is dead at once, access lists keep a uid that means nobody."""
        await self._cache.remove(user)

    async def set_token(self, user: User, token: str | None = None) -> User:
        """Give the user a fresh token, or this one; the old one is dead at once. Raises NotFound, AlreadyExists."""
        text = token or random_hex(self._entropy)
        self._check_token_free(text, user.uid)
        digest, sealed = digest_of_token(text.encode()), self._sealer.seal(text, user.uid)
        return await self._change(
            user, lambda now: msgspec.structs.replace(now, token_digest=digest, token_sealed=sealed)
        )

    async def add_member(self, user: User, project: Project, roles: Sequence[str]) -> User:
        """Let the user into a project. Raises AlreadyAMember, InvalidReference, NotFound."""
        if is_member(user, project.uid):
            raise AlreadyAMember
        _check_roles(roles, PROJECT_ROLES)

        def edit(current: User) -> User:
            if is_member(current, project.uid):
                raise AlreadyAMember
            joined = (*current.memberships, Membership(project.uid, tuple(roles)))
            return msgspec.structs.replace(current, memberships=joined)

        return await self._change(user, edit)

    async def set_member_roles(self, user: User, project: Project, roles: Sequence[str]) -> User:
        """Replace the user's roles in one project; memberships of projects that are gone go too.

        Raises NotAMember, InvalidReference, NotFound.
        """
        if not is_member(user, project.uid):
            raise NotAMember
        _check_roles(roles, PROJECT_ROLES)
        new = Membership(project.uid, tuple(roles))

        def edit(current: User) -> User:
            living = self._living(current.memberships)
            kept = tuple(new if m.project_uid == project.uid else m for m in living)
            return msgspec.structs.replace(current, memberships=kept)

        return await self._change(user, edit)

    async def remove_member(self, user: User, project: Project) -> User:
        """Take the user out of a project; access lists stay as they are, memberships of projects that are gone do not.

        Raises NotAMember, NotFound.
        """
        if not is_member(user, project.uid):
            raise NotAMember

        def edit(current: User) -> User:
            left = tuple(m for m in self._living(current.memberships) if m.project_uid != project.uid)
            return msgspec.structs.replace(current, memberships=left)

        return await self._change(user, edit)

    def _living(self, memberships: Sequence[Membership]) -> list[Membership]:
        """The memberships whose project still exists."""
        return [m for m in memberships if self._cache.find_by_uid(Project, m.project_uid) is not None]

    def find_by_token(self, token: str | bytes) -> User | None:
        """The user who holds the token, or None."""
        return self._cache.find_user_by_digest(digest_of_token(token.encode() if isinstance(token, str) else token))

    def token_of(self, user: User) -> str | None:
        """The token's text, or None when it was sealed with another key."""
        return self._sealer.open(user.token_sealed, user.uid)

    async def _change(self, user: User, edit: Callable[[User], User]) -> User:
        def stamp(current: User) -> User:
            return msgspec.structs.replace(edit(current), modified_us=self._clock.wall_us())

        return await self._cache.change(user, lambda changed: changed.name, stamp)

    def _check_token_free(self, token: str, uid: str) -> None:
        holder = self.find_by_token(token)
        if holder is not None and holder.uid != uid:
            raise AlreadyExists("token", "(given)")

    def _resolve(self, profile: Profile, grants: Grants) -> _Resolved:
        """Names to uids. Projects are judged in order, then service roles (ams-api.md 9.2)."""
        memberships = None if grants.projects is None else self._memberships(grants.projects)
        if grants.service_roles is not None:
            _check_roles(grants.service_roles, ALL_ROLES)
        fields = {name: text for name in Profile.__slots__ if (text := getattr(profile, name))}
        service_roles = None if grants.service_roles is None else tuple(grants.service_roles)
        return _Resolved(memberships, service_roles, fields)

    def _memberships(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> tuple[Membership, ...]:
        memberships: dict[str, Membership] = {}
        for name, roles in wanted:
            if not name:
                continue
            if name in memberships:
                raise InvalidReference("project", name, "duplicate")
            project = self._cache.project(name)
            if project is None:
                raise InvalidReference("project", name, "unknown")
            _check_roles(roles, PROJECT_ROLES)
            memberships[name] = Membership(project.uid, tuple(roles))
        return tuple(memberships.values())


def _check_roles(roles: Sequence[str], allowed: Collection[str]) -> None:
    for role in roles:
        if role not in allowed:
            raise InvalidReference("role", role, "not allowed here")
