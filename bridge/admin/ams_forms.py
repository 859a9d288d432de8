"""Forms of AMS administration: each asks the AMS API for one thing, as whoever is logged in."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from starlette.datastructures import FormData

from bridge.admin.ams_pages import ask_ams, path_names
from bridge.admin.handlers import FormResult, field
from bridge.control.http_answers import OperatorRequest, Refusal
from bridge.operate.operator_errors import InvalidInput
from rules.source.bounds import count_of

_NOTHING: Final = "This form says nothing that could be done."


async def change_projects(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/ams``: a new project."""
    name = field(form, "name")
    await ask_ams(asked, "projects:create", {"project": name}, {"description": field(form, "description")})
    return FormResult(f"/ams/projects/{name}", f"The project {name} was made.")


async def change_project(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/ams/projects/{project}``: a project changed or removed, or something new in it."""
    names = path_names(asked, "project")
    page = f"/ams/projects/{names['project']}"
    name = field(form, "name")
    match field(form, "action"):
        case "describe":
            await ask_ams(asked, "projects:update", names, {"description": field(form, "description")})
            return FormResult(page, "The description was changed.")
        case "delete":
            await ask_ams(asked, "projects:delete", names)
            return FormResult("/ams", f"The project {names['project']} was removed, with all in it.")
        case "topic":
            schema = field(form, "schema")
            body = {"schema": f"projects/{names['project']}/schemas/{schema}"} if schema else {}
            await ask_ams(asked, "topics:create", names | {"topic": name}, body)
            return FormResult(f"{page}/topics/{name}", f"The topic {name} was made.")
        case "subscription":
            await ask_ams(asked, "subscriptions:create", names | {"subscription": name}, _subscription(form, names))
            return FormResult(f"{page}/subscriptions/{name}", f"The subscription {name} was made.")
        case "schema":
            body = {"type": field(form, "type"), "schema": _json(form, "definition")}
            await ask_ams(asked, "schemas:create", names | {"schema": name}, body)
            return FormResult(f"{page}/schemas/{name}", f"The schema {name} was made.")
        case "member-new" | "member-add" | "member-roles" | "member-remove":
            return await _change_members(asked, form, names | {"user": name}, page)
        case _:
            raise Refusal(400, _NOTHING)


async def _change_members(asked: OperatorRequest, form: FormData, names: dict[str, str], page: str) -> FormResult:
    user, roles = names["user"], _texts(form, "role")
    here = {"projects": [{"project": names["project"], "roles": roles}]}
    match field(form, "action"):
        case "member-new":
            made = await ask_ams(asked, "projects:createUser", names, here | {"email": field(form, "email")})
            return FormResult(page, f"The user {user} was made.", made.get("token", ""))
        case "member-add":
            await ask_ams(asked, "projects:addUser", names, {"roles": roles})
            return FormResult(page, f"{user} is a member now.")
        case "member-roles":
            await ask_ams(asked, "projects:updateUser", names, here)
            return FormResult(page, f"{user} has other roles here now.")
        case _:
            await ask_ams(asked, "projects:removeUser", names)
            return FormResult(page, f"{user} is no member any more.")


async def change_topic(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form of a topic: publish, who may, the schema, or no such topic any more."""
    names = path_names(asked, "project", "topic")
    page = f"/ams/projects/{names['project']}/topics/{names['topic']}"
    match field(form, "action"):
        case "publish":
            message = {
                "data": base64.b64encode(str(form.get("data", "")).encode()).decode(),
                "attributes": _attributes(form),
            }
            published = await ask_ams(asked, "topics:publish", names, {"messages": [message]})
            offset = published["messageIds"][0]
            return FormResult(page, f"Published: it is message {offset}.")
        case "acl":
            await ask_ams(asked, "topics:modifyAcl", names, {"authorized_users": _words(form, "users")})
            return FormResult(page, "Who may publish was changed.")
        case "schema":
            schema = field(form, "schema")
            if schema:
                body = {"schema": f"projects/{names['project']}/schemas/{schema}"}
                await ask_ams(asked, "topics:attachSchema", names, body)
            else:
                await ask_ams(asked, "topics:detachSchema", names)
            return FormResult(page, f"Messages are checked against {schema or 'nothing'} now.")
        case "delete":
            await ask_ams(asked, "topics:delete", names)
            return FormResult(f"/ams/projects/{names['project']}", f"The topic {names['topic']} was removed.")
        case _:
            raise Refusal(400, _NOTHING)


async def change_subscription(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form of a subscription: where it stands, its deadline, how it pushes, who may pull, or none any more."""
    names = path_names(asked, "project", "subscription")
    page = f"/ams/projects/{names['project']}/subscriptions/{names['subscription']}"
    match field(form, "action"):
        case "seek":
            time = _utc(field(form, "time"))
            await ask_ams(asked, "subscriptions:seek", names, {"time": time})
            return FormResult(page, f"It goes on with what was published at {time} or later.")
        case "offset":
            await ask_ams(asked, "subscriptions:modifyOffset", names, {"offset": _count(form, "offset")})
            return FormResult(page, f"It goes on at {_count(form, 'offset')}.")
        case "deadline":
            body = {"ackDeadlineSeconds": _count(form, "seconds")}
            await ask_ams(asked, "subscriptions:modifyAckDeadline", names, body)
            return FormResult(page, "The deadline was changed.")
        case "push":
            await ask_ams(asked, "subscriptions:modifyPushConfig", names, {"pushConfig": _push(form)})
            return FormResult(page, "How it is pushed was changed.")
        case "verify":
            await ask_ams(asked, "subscriptions:verifyPushEndpoint", names)
            return FormResult(page, "The endpoint was verified: pushing begins.")
        case "acl":
            await ask_ams(asked, "subscriptions:modifyAcl", names, {"authorized_users": _words(form, "users")})
            return FormResult(page, "Who may pull was changed.")
        case "delete":
            await ask_ams(asked, "subscriptions:delete", names)
            text = f"The subscription {names['subscription']} was removed."
            return FormResult(f"/ams/projects/{names['project']}", text)
        case _:
            raise Refusal(400, _NOTHING)


async def change_schema(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form of a schema: another definition, or none any more."""
    names = path_names(asked, "project", "schema")
    page = f"/ams/projects/{names['project']}"
    match field(form, "action"):
        case "update":
            await ask_ams(asked, "schemas:update", names, {"schema": _json(form, "definition")})
            return FormResult(f"{page}/schemas/{names['schema']}", "The schema was changed.")
        case "delete":
            await ask_ams(asked, "schemas:delete", names)
            return FormResult(page, f"The schema {names['schema']} was removed.")
        case _:
            raise Refusal(400, _NOTHING)


async def change_users(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form ``/ams/users``: a new user, whose token is shown this once."""
    name = field(form, "name")
    body = {"email": field(form, "email"), "service_roles": _texts(form, "service_role"), "projects": []}
    made = await ask_ams(asked, "users:create", {"user": name}, body)
    return FormResult(f"/ams/users/{name}", f"The user {name} was made.", made.get("token", ""))


async def change_user(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form of a user: another token, other roles, or no such user any more."""
    names = path_names(asked, "user")
    page = f"/ams/users/{names['user']}"
    match field(form, "action"):
        case "token":
            made = await ask_ams(asked, "users:refreshToken", names)
            return FormResult(page, f"{names['user']} has a new token; the old one is dead.", made.get("token", ""))
        case "roles":
            body = {"name": names["user"], "email": field(form, "email"), "service_roles": _texts(form, "service_role")}
            await ask_ams(asked, "users:update", names, body)
            return FormResult(page, f"{names['user']} was changed.")
        case "delete":
            await ask_ams(asked, "users:delete", names)
            return FormResult("/ams/users", f"The user {names['user']} was removed.")
        case _:
            raise Refusal(400, _NOTHING)


async def change_registration(asked: OperatorRequest, form: FormData) -> FormResult:
    """The form of a registration: accepted, which makes the user and shows the token this once, or declined."""
    names = path_names(asked, "uuid")
    match field(form, "action"):
        case "accept":
            made = await ask_ams(asked, "registrations:acceptNewUser", names)
            return FormResult(f"/ams/users/{made['name']}", f"{made['name']} is a user now.", made.get("token", ""))
        case "decline":
            await ask_ams(asked, "registrations:declineNewUser", names, {"comment": field(form, "comment")})
            return FormResult("/ams/registrations", "The registration was declined.")
        case "delete":
            await ask_ams(asked, "registrations:delete", names)
            return FormResult("/ams/registrations", "The registration was forgotten.")
        case _:
            raise Refusal(400, _NOTHING)


def _subscription(form: FormData, names: dict[str, str]) -> dict[str, Any]:
    """What creating a subscription takes."""
    body: dict[str, Any] = {"topic": f"projects/{names['project']}/topics/{field(form, 'topic')}"}
    if field(form, "seconds"):
        body["ackDeadlineSeconds"] = _count(form, "seconds")
    if field(form, "filter"):
        body["filter"] = field(form, "filter")
    return body | ({"pushConfig": push} if (push := _push(form)) else {})


def _push(form: FormData) -> dict[str, Any]:
    """A push configuration, {} for one that is pulled."""
    match field(form, "push"):
        case "http_endpoint":
            most = _count(form, "most") if field(form, "most") else 1
            retry = {"type": "linear", "period": 3_000}
            return {"type": "http_endpoint", "pushEndpoint": field(form, "endpoint"), "maxMessages": most,
                    "retryPolicy": retry}  # fmt: skip
        case "mattermost":
            return {"type": "mattermost", "mattermostUrl": field(form, "endpoint"),
                    "mattermostChannel": field(form, "channel"), "mattermostUsername": field(form, "username"),
                    "retryPolicy": {"type": "linear", "period": 3_000}}  # fmt: skip
        case _:
            return {}


def _json(form: FormData, name: str) -> Any:
    try:
        return json.loads(field(form, name))
    except ValueError as error:
        raise InvalidInput(name, f"This is no JSON: {error}") from error


def _count(form: FormData, name: str) -> int:
    number = count_of(field(form, name))
    if number is None:
        raise InvalidInput(name, f"{name} must be a whole number, not {field(form, name)[:40]!r}")
    return number


def _utc(text: str) -> str:
    """What a browser's picker of a moment gives, as RFC 3339 in UTC."""
    if text.endswith("Z") or "+" in text:
        return text
    return f"{text}:00Z" if text.count(":") == 1 else f"{text}Z"


def _words(form: FormData, name: str) -> list[str]:
    return field(form, name).replace(",", " ").split()


def _texts(form: FormData, name: str) -> list[str]:
    return [text for text in form.getlist(name) if isinstance(text, str) and text]


def _attributes(form: FormData) -> dict[str, str]:
    """Lines of ``name=value``."""
    attributes = {}
    for line in field(form, "attributes").splitlines():
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise InvalidInput("attributes", f"an attribute is a line NAME=VALUE, not {line[:40]!r}")
        attributes[name.strip()] = value.strip()
    return attributes
