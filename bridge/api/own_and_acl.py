"""What topics and subscriptions share: who is named on the list of one, and which of them a plain user sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from bridge.api.api_errors import invalid_argument
from bridge.api.call import Call
from bridge.api.request_bodies import read_shape
from bridge.api.wire import AclAnswer, AclRequest
from broker.access import sees_only_own
from broker.acl import member_uids, user_names


class HasAcl(Protocol):
    """A record that names users."""

    @property
    def acl(self) -> Sequence[str]:
        """The uids of the users it names."""


A = TypeVar("A", bound=HasAcl)


def filter_visible(call: Call, records: Sequence[A], role: str) -> Sequence[A]:
    """The records that a caller may list; who has nothing but ``role`` sees those that name it."""
    if not sees_only_own(call.caller.roles, role):
        return records
    return [record for record in records if call.caller.uid in record.acl]


def acl_answer(call: Call, acl: Iterable[str]) -> AclAnswer:
    """The names of the users on a list."""
    return AclAnswer(user_names(call.broker.cache, acl))


async def members_asked_for(call: Call, refusal: str) -> tuple[str, ...]:
    """The uids of the users that a body names for a list. Raises ApiError, with ``refusal`` for a body without one."""
    request = await read_shape(call, AclRequest, refusal)
    if request.authorized_users is None:
        raise invalid_argument(refusal)
    return member_uids(call.broker.cache, call.project, request.authorized_users)
