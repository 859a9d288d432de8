"""Access lists: user names as people write them, uids as the store keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from broker.access import is_member
from broker.catalog_cache import CatalogCache
from broker.errors import UnknownMembers
from broker.records import Project, User


def member_uids(cache: CatalogCache, project: Project, names: Sequence[str]) -> tuple[str, ...]:
    """The uids of users by name, each once. Raises UnknownMembers naming all that are not members of the project."""
    users = [cache.find(User, name) for name in names]
    unknown = [
        name for name, user in zip(names, users, strict=True) if user is None or not is_member(user, project.uid)
    ]
    if unknown:
        raise UnknownMembers(unknown)
    return tuple(dict.fromkeys(user.uid for user in users if user is not None))


def user_names(cache: CatalogCache, uids: Iterable[str]) -> list[str]:
    """The names behind an access list, in its order; users that are gone are left out."""
    users = (cache.find_by_uid(User, uid) for uid in uids)
    return [user.name for user in users if user is not None]
