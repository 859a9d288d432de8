"""Users as AMS shows them; how much depends on who asks (ams-api.md 9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.api.api_times import zulu
from bridge.api.wire_people import ProjectRolesAnswer, UserAnswer
from broker.broker import Broker
from broker.records import Membership, Project, Subscription, Topic, User


@dataclass(frozen=True, slots=True)
class UserDetail:
    """How much of a user to show.

    ``secrets``: token, service roles and creator. ``projects``: all memberships, those in ``only``, or none.
    """

    secrets: bool = True
    projects: bool = True
    only: str | None = None  # a project's uid


ALL = UserDetail()


def user_answer(broker: Broker, user: User, view: UserDetail = ALL) -> UserAnswer:
    """One user as AMS shows it."""
    return user_answers(broker, [user], view)[0]


def user_answers(broker: Broker, users: Iterable[User], view: UserDetail) -> list[UserAnswer]:
    """Many users; the access lists are gone through once for all of them."""
    users = list(users)
    named = _collect_names(broker, {user.uid for user in users}) if view.projects else {}
    return [_answer(broker, user, view, named) for user in users]


@dataclass(slots=True)
class _Named:
    """The topics and subscriptions of one project whose access lists hold one user."""

    topics: list[str]
    subscriptions: list[str]


def _collect_names(broker: Broker, uids: set[str]) -> Mapping[tuple[str, str], _Named]:
    """User uid and project uid -> what names the user there."""
    names_by_user: dict[tuple[str, str], _Named] = {}
    for topic in broker.cache.list_all(Topic):
        for uid in uids.intersection(topic.acl):
            names_by_user.setdefault((uid, topic.project_uid), _Named([], [])).topics.append(topic.name)
    for subscription in broker.cache.list_all(Subscription):
        for uid in uids.intersection(subscription.acl):
            names_by_user.setdefault((uid, subscription.project_uid), _Named([], [])).subscriptions.append(
                subscription.name
            )
    return names_by_user


def _answer(broker: Broker, user: User, view: UserDetail, named: Mapping[tuple[str, str], _Named]) -> UserAnswer:
    shown = [m for m in user.memberships if view.projects and view.only in (None, m.project_uid)]
    creator = broker.cache.find_by_uid(User, user.created_by) if view.secrets and user.created_by else None
    return UserAnswer(
        uuid=user.uid,
        projects=[_roles(broker, membership, named.get((user.uid, membership.project_uid))) for membership in shown],
        name=user.name,
        first_name=user.first_name,
        last_name=user.last_name,
        organization=user.organization,
        description=user.description,
        token=(broker.users.token_of(user) or "") if view.secrets else "",
        email=user.email,
        service_roles=list(user.service_roles) if view.secrets else [],
        created_on=zulu(user.created_us),
        modified_on=zulu(user.modified_us),
        created_by="" if creator is None else creator.name,
    )


def _roles(broker: Broker, membership: Membership, named: _Named | None) -> ProjectRolesAnswer:
    """A deleted project leaves its members with an empty name (7.8)."""
    project = broker.cache.find_by_uid(Project, membership.project_uid)
    here = named or _Named([], [])
    return ProjectRolesAnswer(
        "" if project is None else project.name, list(membership.roles), here.topics, here.subscriptions
    )
