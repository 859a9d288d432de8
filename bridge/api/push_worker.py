"""The outside push worker: an ordinary user that pulls and delivers in our place (ams-api.md section 8, D11).

With the built-in pusher there is none, and nothing here applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bridge.api.api_errors import conflict, internal
from broker.access import PUSH_WORKER, is_member
from broker.errors import AlreadyAMember
from broker.records import Project, PushConfig, User

if TYPE_CHECKING:
    from bridge.api.call import Api


_SERVING_S: Final = 60.0
"""How long after a pull an outside worker counts as at work: many times AMS's period of 3 s between two pulls."""
_MOST_KEPT: Final = 10_000


class WorkerPulls:
    """When an outside worker last pulled each push subscription: the only sign of life that it gives."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}

    def note(self, subscription_uid: str, now_s: float) -> None:
        """Note that a worker pulled from a subscription."""
        if len(self._last_s) >= _MOST_KEPT:
            self._last_s.clear()
        self._last_s[subscription_uid] = now_s

    def serves(self, now_s: float) -> bool:
        """Whether a worker is at work at all."""
        return any(now_s - last_s <= _SERVING_S for last_s in self._last_s.values())

    def serves_subscription(self, subscription_uid: str, now_s: float) -> bool:
        """Whether a worker is at work on this subscription."""
        last_s = self._last_s.get(subscription_uid)
        return last_s is not None and now_s - last_s <= _SERVING_S


def find_worker(api: Api) -> User | None:
    """The worker's user: the one whose token the settings name, else the first with the service role push_worker."""
    settings = api.settings
    if settings.push_mode != "external":
        return None
    if settings.push_worker_digest:
        return api.broker.cache.find_user_by_digest(settings.push_worker_digest)
    return next((user for user in api.broker.cache.list_all(User) if PUSH_WORKER in user.service_roles), None)


def check_push_possible(api: Api) -> None:
    """Raises ApiError when pushing is switched off, or the outside worker has no user."""
    if api.settings.push_mode == "off":
        raise conflict("Push functionality is currently disabled")
    if api.settings.push_mode == "external" and find_worker(api) is None:
        raise internal("Push functionality is currently unavailable")


def acl_with_worker(api: Api, push: PushConfig, acl: Sequence[str]) -> tuple[str, ...]:
    """The access list a subscription must have: an outside worker is on it exactly while it has something to push."""
    worker = find_worker(api)
    if worker is None:
        return tuple(acl)
    others = tuple(uid for uid in acl if uid != worker.uid)
    return (*others, worker.uid) if push.type and push.verified else others


def acl_keeping_worker(api: Api, push: PushConfig, acl: Sequence[str]) -> tuple[str, ...]:
    """An access list somebody asked for, with the outside worker added where it must not be lost (8.4)."""
    worker = find_worker(api)
    if worker is None or worker.uid in acl or not (push.type and push.verified):
        return tuple(acl)
    return (*acl, worker.uid)


async def let_worker_in(api: Api, project: Project, push: PushConfig) -> None:
    """Make the outside worker a member of the project once it has something to push there."""
    worker = find_worker(api)
    if worker is None or not (push.type and push.verified) or is_member(worker, project.uid):
        return
    try:
        await api.broker.users.add_member(worker, project, [])
    except AlreadyAMember:
        return
