"""An AMS as its authors wrote it (1.7.0), as far as moving house asks: what it holds, and its very answers.

The recordings of the original hold its shapes: an empty body where ours says ``{}``, fields that are left out, lists
without pages, its words for errors. ``tests/bridge/cli/test_import_original_ams.py`` compares the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import SystemClock

TOKEN: Final = "the-token-of-a-service-admin"
_AT: Final = "2026-01-01T00:00:00Z"
_UUID: Final = "00000000-0000-4000-8000-{:012}"
NO_PUSH: Final[dict[str, Any]] = {
    "type": "",
    "pushEndpoint": "",
    "maxMessages": 0,
    "authorizationHeader": {},
    "retryPolicy": {},
    "verificationHash": "",
    "verified": False,
    "mattermostUrl": "",
    "mattermostUsername": "",
    "mattermostChannel": "",
    "base64Decode": False,
}
"""The pushConfig of a subscription that is pulled."""


@dataclass
class OriginalTopic:
    """A topic with its messages: number, data, attributes; what retention removed has left a gap at the beginning.

    From ``withheld`` on its log gives none, as one of Kafka whose segments are damaged.
    """

    messages: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    acl: list[str] = field(default_factory=list)
    schema: str = ""
    withheld: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """The number of the first message, and the one that the next gets."""
        return (self.messages[0][0], self.messages[-1][0] + 1) if self.messages else (0, 0)


@dataclass
class OriginalSubscription:
    """A subscription: its topic stays named when that is gone; ``open_to`` is where an open pull ends."""

    topic: str
    offset: int = 0
    acl: list[str] = field(default_factory=list)
    deadline_s: int = 10
    push: dict[str, Any] = field(default_factory=dict)
    open_to: int | None = None


@dataclass
class OriginalProject:
    """A project of it."""

    description: str = ""
    topics: dict[str, OriginalTopic] = field(default_factory=dict)
    subscriptions: dict[str, OriginalSubscription] = field(default_factory=dict)
    schemas: dict[str, tuple[str, Any]] = field(default_factory=dict)


class Refusal(Exception):
    """An error as it words it."""

    def __init__(self, code: int, message: str, status: str) -> None:
        super().__init__(message)
        self.reply = json_reply({"error": {"code": code, "message": message, "status": status}}, code)


def _missing(what: str) -> Refusal:
    return Refusal(404, f"{what} doesn't exist", "NOT_FOUND")


class OriginalAms(Served):
    """The original, furnished by whoever tests; ``users`` are entries as ``/users?details=true`` lists them."""

    def __init__(self) -> None:
        super().__init__(self._respond, SystemClock())
        self.projects: dict[str, OriginalProject] = {}
        self.users: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
            (method, re.compile("/v1" + path.replace("*", "([^/:]+)")), answer)
            for method, path, answer in (
                ("GET", "/projects", self._list_projects),
                ("GET", "/projects/*", self._show_project),
                ("GET", "/users", self._list_users),
                ("GET", "/projects/*/members", self._list_members),
                ("GET", "/projects/*/schemas", self._list_schemas),
                ("GET", "/projects/*/topics", self._list_topics),
                ("GET", "/projects/*/topics/*:acl", self._topic_acl),
                ("GET", "/projects/*/subscriptions", self._list_subscriptions),
                ("GET", "/projects/*/subscriptions/*:acl", self._subscription_acl),
                ("GET", "/projects/*/subscriptions/*:offsets", self._offsets),
                ("PUT", "/projects/*/subscriptions/*", self._create),
                ("DELETE", "/projects/*/subscriptions/*", self._delete),
                ("POST", "/projects/*/subscriptions/*:modifyOffset", self._modify_offset),
                ("POST", "/projects/*/subscriptions/*:pull", self._pull),
                ("POST", "/projects/*/subscriptions/*:acknowledge", self._acknowledge),
            )
        ]

    def add_user(self, name: str, token: str = "", service_roles: tuple[str, ...] = (), **projects: list[str]) -> None:
        """A user with roles by project."""
        entry: dict[str, Any] = {"uuid": _UUID.format(len(self.users)), "name": name, "email": f"{name}@example.org"}
        if projects:
            roles = {"subscriptions": [], "topics": []}
            entry["projects"] = [{"project": one, "roles": given} | roles for one, given in projects.items()]
        times = {"created_on": _AT, "modified_on": _AT}
        self.users.append(entry | {"service_roles": list(service_roles), "token": token or f"token-of-{name}"} | times)

    def _respond(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        self.asked.append((request.method, path))
        try:
            if request.header("x-api-key") != TOKEN:
                raise Refusal(401, "Unauthorized", "UNAUTHORIZED")
            for method, pattern, answer in self._routes:
                match = pattern.fullmatch(path)
                if match and method == request.method:
                    given = (json.loads(request.body or b"{}"),) if method in ("PUT", "POST") else ()
                    said = answer(*match.groups(), *given)
                    return Reply(200) if said is None else json_reply(said)
            raise Refusal(404, "Not Found", "NOT_FOUND")
        except Refusal as refused:
            return refused.reply

    # --- what it holds -----------------------------------------------------------------------------------

    def _project(self, name: str) -> OriginalProject:
        if name not in self.projects:
            raise Refusal(404, "project doesn't exist", "NOT_FOUND")
        return self.projects[name]

    def _subscription(self, project: str, name: str) -> OriginalSubscription:
        found = self._project(project).subscriptions.get(name)
        if found is None:
            raise _missing("Subscription")
        return found

    def _show_project(self, name: str) -> dict[str, Any]:
        said = self._project(name).description
        described = {"description": said} if said else {}
        return {"name": name, "created_on": _AT, "modified_on": _AT} | described

    def _list_projects(self) -> dict[str, Any]:
        return {"projects": [self._show_project(name) for name in self.projects]} if self.projects else {}

    def _list_users(self) -> dict[str, Any]:
        return self._page("users", self.users)

    def _list_members(self, project: str) -> dict[str, Any]:
        of_it = [
            one | {"projects": [entry for entry in one["projects"] if entry["project"] == project], "service_roles": []}
            for one in self.users
            if any(entry["project"] == project for entry in one.get("projects", ()))
        ]
        return self._page("users", of_it)

    def _list_schemas(self, project: str) -> dict[str, Any]:
        listed = [
            {"uuid": _UUID.format(nth), "name": f"projects/{project}/schemas/{name}", "type": kind, "schema": schema}
            for nth, (name, (kind, schema)) in enumerate(self._project(project).schemas.items())
        ]
        return {"schemas": listed}

    def _list_topics(self, project: str) -> dict[str, Any]:
        listed = []
        for name, topic in reversed(self._project(project).topics.items()):
            schema = {"schema": f"projects/{project}/schemas/{topic.schema}"} if topic.schema else {}
            listed.append({"name": f"/projects/{project}/topics/{name}", "created_on": _AT} | schema)
        return self._page("topics", listed)

    def _list_subscriptions(self, project: str) -> dict[str, Any]:
        names = reversed(self._project(project).subscriptions)
        return self._page("subscriptions", [self._shown(project, name) for name in names])

    def _shown(self, project: str, name: str) -> dict[str, Any]:
        one = self._subscription(project, name)
        return {
            "name": f"/projects/{project}/subscriptions/{name}",
            "topic": f"/projects/{project}/topics/{one.topic}",
            "pushConfig": NO_PUSH | one.push,
            "ackDeadlineSeconds": one.deadline_s,
            "createdOn": _AT,
        }

    def _topic_acl(self, project: str, name: str) -> dict[str, Any]:
        topic = self._project(project).topics.get(name)
        if topic is None:
            raise _missing("Topic")
        return {"authorized_users": topic.acl}

    def _subscription_acl(self, project: str, name: str) -> dict[str, Any]:
        return {"authorized_users": self._subscription(project, name).acl}

    def _page(self, name: str, items: list[Any]) -> dict[str, Any]:
        return {name: items, "nextPageToken": "", "totalSize": len(items)}

    # --- messages ----------------------------------------------------------------------------------------

    def _topic_of(self, project: str, one: OriginalSubscription) -> OriginalTopic:
        return self._project(project).topics.get(one.topic, OriginalTopic())

    def _offsets(self, project: str, name: str) -> dict[str, int]:
        one = self._subscription(project, name)
        low, high = self._topic_of(project, one).bounds
        return {"max": high, "min": low, "current": one.offset}

    def _create(self, project: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        topic = str(body["topic"]).rpartition("/")[2]
        held = self._project(project)
        if topic not in held.topics:
            raise _missing("Topic")
        if name in held.subscriptions:
            raise Refusal(409, "Subscription already exists", "ALREADY_EXISTS")
        offset = held.topics[topic].bounds[1]
        held.subscriptions[name] = OriginalSubscription(topic, offset, deadline_s=body.get("ackDeadlineSeconds", 10))
        return self._shown(project, name)

    def _delete(self, project: str, name: str) -> None:
        self._subscription(project, name)
        del self._project(project).subscriptions[name]

    def _modify_offset(self, project: str, name: str, body: dict[str, Any]) -> None:
        one = self._subscription(project, name)
        low, high = self._topic_of(project, one).bounds
        if not low <= body["offset"] <= high:
            raise Refusal(400, "Offset out of bounds", "INVALID_ARGUMENT")
        one.offset = body["offset"]

    def _pull(self, project: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        one = self._subscription(project, name)
        topic = self._topic_of(project, one)
        end = topic.bounds[1] if topic.withheld is None else topic.withheld
        waiting = [said for said in topic.messages if one.offset <= said[0] < end]
        given = waiting[: int(body.get("maxMessages", "1"))]
        if given:
            one.open_to = given[-1][0]
        received = []
        for number, data, attributes in given:
            message = {"messageId": str(number), "data": data, "publishTime": "2026-01-01T00:00:00.000000001Z"}
            ack = f"projects/{project}/subscriptions/{name}:{number}"
            received.append({"ackId": ack, "message": message | ({"attributes": attributes} if attributes else {})})
        return {"receivedMessages": received}

    def _acknowledge(self, project: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        one = self._subscription(project, name)
        begin = f"projects/{project}/subscriptions/{name}:"
        numbers = [ack.removeprefix(begin) for ack in body["ackIds"]]
        if not numbers or not all(number.isdigit() for number in numbers):
            raise Refusal(400, "Invalid ack id", "INVALID_ARGUMENT")
        if one.open_to is None:
            raise Refusal(500, "no ack pending", "INTERNAL_SERVER_ERROR")
        last = max(int(number) for number in numbers)
        if not one.offset <= last <= one.open_to:
            raise Refusal(500, "wrong ack", "INTERNAL_SERVER_ERROR")
        one.offset, one.open_to = last + 1, None
        return {}
