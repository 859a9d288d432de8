"""Who may do what: pure judgement over roles and access lists (ams-api.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from broker.records import User

SERVICE_ADMIN: Final = "service_admin"
PROJECT_ADMIN: Final = "project_admin"
PUBLISHER: Final = "publisher"
CONSUMER: Final = "consumer"
PUSH_WORKER: Final = "push_worker"
ADMIN_VIEWER: Final = "admin_viewer"
ROOT: Final = "_admin_"

PROJECT_ROLES: Final = frozenset({PROJECT_ADMIN, PUBLISHER, CONSUMER})
"""What a project_admin may grant, and what a user may have in a project (D9)."""

ALL_ROLES: Final = PROJECT_ROLES | {
    SERVICE_ADMIN,
    PUSH_WORKER,
    ADMIN_VIEWER,
    "metrics_viewer",
    "argo_api_authn",
    "register_admin",
}
"""What may be granted as a service role."""


def roles_in(user: User, project_uid: str | None) -> tuple[str, ...]:
    """A user's effective roles: those in the project, then the service roles; without a project the latter only."""
    if project_uid is not None:
        for membership in user.memberships:
            if membership.project_uid == project_uid:
                return membership.roles + user.service_roles
    return user.service_roles


def is_member(user: User, project_uid: str) -> bool:
    """Whether the user belongs to the project, with whatever roles."""
    return any(membership.project_uid == project_uid for membership in user.memberships)


def may(roles: Collection[str], allowed: Collection[str]) -> bool:
    """Whether one of the roles is allowed; ``_admin_`` always is."""
    return any(role in allowed or role == ROOT for role in roles)


def acl_admits(roles: Collection[str], trigger: str, user_uid: str, acl: Collection[str]) -> bool:
    """Whether an access list lets the user through.

    It binds only those who hold the trigger role, other roles or not.
    """
    return trigger not in roles or user_uid in acl


def sees_only_own(roles: Collection[str], trigger: str) -> bool:
    """Whether lists show only what the user is on the access list of."""
    return trigger in roles and PROJECT_ADMIN not in roles and SERVICE_ADMIN not in roles
