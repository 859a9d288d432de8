"""What the AMS API puts on the audit trail: every change of users, projects, topics, subscriptions and schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.api.call import Call
from bridge.api.route import ApiRoute
from bridge.core.audit import AuditEntry
from broker.catalog_cache import CatalogCache
from broker.records import Project, Schema, Subscription, Topic, User

SERVICE_TOKEN: Final = "service token"  # noqa: S105 - what its holder is called
_UNCHANGING: Final = frozenset(
    {
        *("topics:publish", "schemas:validateMessage"),
        *("subscriptions:pull", "subscriptions:acknowledge", "subscriptions:modifyAckDeadline"),
    }
)
"""Routes that carry messages, or that change nothing."""


def is_audited(route: ApiRoute) -> bool:
    """Whether a call of the route changes something that people set up."""
    return route.method != "GET" and route.name not in _UNCHANGING


def audited_facts(call: Call) -> dict[str, Any]:
    """The small facts about what a call's path names, {} when there is no such thing. No secret is among them."""
    cache, names = call.broker.cache, call.names
    project = call.project_or_none or (cache.project(names["project"]) if "project" in names else None)
    if "user" in names:
        user = cache.find(User, names["user"])
        return {} if user is None else _user(cache, user)
    if project is None:
        return {}
    if "topic" in names:
        topic = cache.topic(project.uid, names["topic"])
        return {} if topic is None else _topic(cache, topic)
    if "subscription" in names:
        subscription = cache.subscription(project.uid, names["subscription"])
        return {} if subscription is None else _subscription(cache, subscription)
    if "schema" in names:
        schema = cache.schema(project.uid, names["schema"])
        return {} if schema is None else {"type": schema.type}
    current = cache.find_by_uid(Project, project.uid)
    return {} if current is None else {"name": current.name, "description": current.description}


def entry_of(
    call: Call, route: ApiRoute, address: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> AuditEntry:
    """The entry of a call that was done; of the facts only those that changed."""
    user = call.caller.user
    names = {**before, **after}
    changed = [name for name in names if before.get(name) != after.get(name)]
    return AuditEntry(
        what=route.name,
        who=SERVICE_TOKEN if user is None else user.name,
        address=address,
        target="/".join(call.names[name] for name in sorted(call.names, key=lambda name: name != "project")),
        before={name: before[name] for name in changed if name in before},
        after={name: after[name] for name in changed if name in after},
    )


def _user(cache: CatalogCache, user: User) -> dict[str, Any]:
    roles: dict[str, list[str]] = {}
    for membership in user.memberships:
        project = cache.find_by_uid(Project, membership.project_uid)
        if project is not None:
            roles[project.name] = list(membership.roles)
    return {"name": user.name, "service_roles": list(user.service_roles), "projects": roles}


def _topic(cache: CatalogCache, topic: Topic) -> dict[str, Any]:
    schema = cache.find_by_uid(Schema, topic.schema_uid) if topic.schema_uid else None
    return {"acl": _names(cache, topic.acl), "schema": "" if schema is None else schema.name}


def _subscription(cache: CatalogCache, subscription: Subscription) -> dict[str, Any]:
    return {
        "acl": _names(cache, subscription.acl),
        "topic": subscription.topic_name,
        "ack_deadline_s": subscription.ack_deadline_s,
        "push": subscription.push.type,
    }


def _names(cache: CatalogCache, uids: Iterable[str]) -> list[str]:
    users = [cache.find_by_uid(User, uid) for uid in uids]
    return [user.name for user in users if user is not None]
