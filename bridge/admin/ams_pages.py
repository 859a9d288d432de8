"""Pages of AMS administration: projects, topics, subscriptions, schemas, users and registrations.

All that stands here is asked of the AMS API as whoever is logged in, so a project_admin sees what the API shows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.admin.page_views import format_json
from bridge.control.http_answers import OperatorRequest
from bridge.operate.operator_times import rfc3339
from bridge.operate.rights import has_right
from bridge.operate.subscription_views import list_subscriptions
from broker.access import PROJECT_ADMIN, PROJECT_ROLES
from broker.records import Project, Subscription, User

SERVICE_ROLES: Final = (
    "service_admin",
    "admin_viewer",
    "metrics_viewer",
    "push_worker",
    "register_admin",
    "argo_api_authn",
    *sorted(PROJECT_ROLES),
)
_SHOWN_BYTES: Final = 2_000
_NO_TEXTS: Final = {"description": "", "schema": "", "filter": "", "pushStatus": ""}
"""What the API leaves out where there is none of it."""


async def view_projects(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams: the projects that whoever looks administers; all of them for an admin."""
    if has_right(asked.by.role, "administer"):
        projects = (await ask_ams(asked, "projects:list", {})).get("projects", [])
    else:
        projects = [await ask_ams(asked, "projects:show", {"project": name}) for name in _own_projects(asked)]
    return {"projects": [_NO_TEXTS | project for project in projects]}


async def view_project(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/projects/{project}: what a project has, each with the forms that change it."""
    names = path_names(asked, "project")
    project = await ask_ams(asked, "projects:show", names)
    topics = await ask_ams(asked, "topics:list", names)
    members = await ask_ams(asked, "projects:listUsers", names, query={"details": "true"})
    schemas = await ask_ams(asked, "schemas:list", names)
    lag = await list_subscriptions(asked.context, names["project"])
    return {
        "project": _NO_TEXTS | project,
        "topics": [_NO_TEXTS | topic | {"short": _last(topic["name"])} for topic in topics["topics"]],
        "subscriptions": [(_last(each.subscription), _last(each.topic), each) for each in lag.subscriptions],
        "members": [(member, _roles_in(member, names["project"])) for member in members["users"]],
        "schemas": [schema | {"short": _last(schema["name"])} for schema in schemas.get("schemas", [])],
        "roles": sorted(PROJECT_ROLES),
    }


async def view_topic(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/projects/{project}/topics/{topic}: one topic, who may publish, and a form that does."""
    names = path_names(asked, "project", "topic")
    topic = await ask_ams(asked, "topics:show", names)
    acl = await ask_ams(asked, "topics:acl", names)
    subscriptions = await ask_ams(asked, "subscriptions:listByTopic", names)
    schemas = await ask_ams(asked, "schemas:list", {"project": names["project"]})
    return {
        "names": names,
        "topic": _NO_TEXTS | topic,
        "schema": _last(topic.get("schema", "")),
        "acl": acl.get("authorized_users", []),
        "subscriptions": [_last(name) for name in subscriptions.get("subscriptions", [])],
        "schemas": [_last(schema["name"]) for schema in schemas.get("schemas", [])],
        "metrics": _numbers(await ask_ams(asked, "topics:metrics", names)),
    }


async def view_subscription(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/projects/{project}/subscriptions/{subscription}: where it stands, how it pushes, who may pull."""
    names = path_names(asked, "project", "subscription")
    subscription = await ask_ams(asked, "subscriptions:show", names)
    offsets = await ask_ams(asked, "subscriptions:offsets", names)
    acl = await ask_ams(asked, "subscriptions:acl", names)
    cache = asked.context.broker.cache
    project = cache.project(names["project"])
    record: Subscription | None = None if project is None else cache.subscription(project.uid, names["subscription"])
    consumed = None if record is None else await asked.context.broker.pulls.measure_consumption(record)
    peeked: list[dict[str, Any]] | None = None
    if asked.request.query_params.get("peek") == "1":
        pulled = await ask_ams(asked, "subscriptions:peek", names, {"maxMessages": 10})
        peeked = [_message_view(received["message"]) for received in pulled["receivedMessages"]]
    return {
        "names": names,
        "subscription": _NO_TEXTS | subscription,
        "topic": _last(subscription["topic"]),
        "push": subscription["pushConfig"],
        "offsets": offsets,
        "behind": max(0, offsets["max"] - offsets["current"]),
        "pulled": rfc3339(consumed.last_us) if consumed is not None and consumed.last_us else None,
        "acl": acl.get("authorized_users", []),
        "peeked": peeked,
    }


async def view_schema(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/projects/{project}/schemas/{schema}: one schema."""
    names = path_names(asked, "project", "schema")
    schema = await ask_ams(asked, "schemas:show", names)
    return {"names": names, "schema": schema, "definition": format_json(schema["schema"])}


async def view_users(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/users: all users, without their tokens."""
    users = (await ask_ams(asked, "users:list", {}, query={"details": "true"}))["users"]
    return {"users": users, "service_roles": SERVICE_ROLES}


async def view_user(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/users/{user}: one user, with roles everywhere; the token is not shown."""
    user = await ask_ams(asked, "users:show", path_names(asked, "user"))
    user.pop("token", None)
    return {"user": user, "service_roles": SERVICE_ROLES, "roles": sorted(PROJECT_ROLES)}


async def view_registrations(asked: OperatorRequest) -> dict[str, Any]:
    """GET /ams/registrations: who asked to become a user, those first that wait for an answer."""
    listed = (await ask_ams(asked, "registrations:list", {})).get("user_registrations", [])
    return {"registrations": sorted(listed, key=lambda registration: registration["status"] != "pending")}


async def ask_ams(
    asked: OperatorRequest,
    route: str,
    names: Mapping[str, str],
    body: Any = None,
    query: Mapping[str, str] | None = None,
) -> Any:
    """What the AMS API answers whoever is logged in. Raises AmsRefused."""
    return await asked.context.ask_ams(asked.by, route, names, body, query)


def path_names(asked: OperatorRequest, *names: str) -> dict[str, str]:
    """The variables of the page's path."""
    return {name: asked.request.path_params[name] for name in names}


def _own_projects(asked: OperatorRequest) -> list[str]:
    cache = asked.context.broker.cache
    user = cache.find_by_uid(User, asked.by.user_uid) if asked.by.user_uid else None
    memberships = () if user is None else user.memberships
    administered = [each.project_uid for each in memberships if PROJECT_ADMIN in each.roles]
    projects = [cache.find_by_uid(Project, uid) for uid in administered]
    return sorted(project.name for project in projects if project is not None)


def _roles_in(user: Mapping[str, Any], project: str) -> list[str]:
    return next((each["roles"] for each in user.get("projects", []) if each["project"] == project), [])


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _numbers(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The newest value of each metric that is one number."""
    shown: Sequence[Mapping[str, Any]] = metrics.get("metrics", [])
    return [
        (each["metric"].partition(".")[2].replace("_", " "), each["timeseries"][0]["value"])
        for each in shown
        if len(each.get("timeseries", [])) == 1
    ]


def _message_view(message: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = base64.b64decode(message["data"], validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        text = message["data"]
    return {
        "id": message["messageId"],
        "at": message["publishTime"],
        "attributes": message.get("attributes", {}),
        "data": text[:_SHOWN_BYTES],
    }
