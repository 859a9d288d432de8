"""Reads another AMS over its own API: what it holds as a manifest, and what of it could not be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec

from bridge.cli.output import Failed
from bridge.core.trust import explain_unusable, trust_file, trust_system
from bridge.operate.manifest import Manifest, ProjectEntry, SchemaEntry, SubscriptionEntry, TopicEntry, UserEntry
from broker.access import ALL_ROLES, PROJECT_ROLES
from broker.records import PushConfig

T = TypeVar("T")
_TIMEOUT_S: Final = 60.0
_REFUSED: Final = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_PROFILE: Final = ("email", "first_name", "last_name", "organization", "description")


class ForeignRefusal(Failed):
    """The other AMS answered with an error; ``code`` is its HTTP status."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class ForeignAms:
    """A connection to another AMS with a token of it."""

    def __init__(self, url: str, token: str, ca: Path | None = None) -> None:
        self.url = url if "://" in url else f"https://{url}"
        try:
            trusted = trust_file(ca) if ca is not None else trust_system()
        except OSError as error:
            raise Failed(f"--from-ca {ca} cannot be used: {explain_unusable(error)}") from error
        self._http = httpx.Client(
            base_url=f"{self.url.rstrip('/')}/v1",
            headers={"x-api-key": token},
            timeout=_TIMEOUT_S,
            verify=trusted,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON object that the other AMS answers. Raises Failed; ForeignRefusal where it answers with an error."""
        content = b"" if body is None else msgspec.json.encode(body)
        try:
            answer = self._http.request(method, path, content=content, params=query or None)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Failed(f"the AMS at {self.url} does not answer: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise ForeignRefusal(f"the AMS at {self.url}: {method} {path}: {_error_text(answer)}", answer.status_code)
        try:
            value = msgspec.json.decode(answer.content or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Failed(f"the AMS at {self.url}: {path} is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise Failed(f"the AMS at {self.url}: {path} is no JSON object; is this an AMS?")
        return value

    def pages(self, path: str, name: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        """Every item of a list, page by page."""
        token = ""
        while True:
            page = self.ask("GET", path, **query, **({"pageToken": token} if token else {}))
            yield from page.get(name) or []
            token = page.get("nextPageToken") or ""
            if not token:
                return


@dataclass(slots=True)
class ForeignHoldings:
    """What was read: the manifest, where subscriptions stand by full name, and what could not be taken."""

    manifest: Manifest
    stands: Mapping[str, Mapping[str, int]]
    not_taken: list[str]


@dataclass(slots=True)
class _HoldingsReader:
    """One pass over another AMS."""

    ams: ForeignAms
    start_pushes: bool
    not_taken: list[str] = field(default_factory=list)
    stands: dict[str, Mapping[str, int]] = field(default_factory=dict)

    def read_all(self, wanted: tuple[str, ...]) -> Manifest:
        listed = self._projects(wanted)
        users = self._users(list(listed))
        projects = {name: self._project(name, text, users) for name, text in listed.items()}
        return Manifest(projects, users)

    def _projects(self, wanted: tuple[str, ...]) -> dict[str, str]:
        if wanted:
            projects = [self.ams.ask("GET", f"/projects/{name}") for name in wanted]
        else:
            try:
                projects = self.ams.ask("GET", "/projects").get("projects") or []
            except ForeignRefusal as refused:
                if refused.code not in _REFUSED:
                    raise
                raise Failed(
                    "its token may not list projects: give one of a service_admin, or name them with --project"
                ) from refused
        return {project["name"]: project.get("description") or "" for project in projects}

    def _users(self, projects: list[str]) -> dict[str, UserEntry]:
        try:
            listed = list(self.ams.pages("/users", "users", details="true"))
        except ForeignRefusal as refused:
            if refused.code not in _REFUSED:
                raise
            listed = [
                user
                for name in projects
                for user in self.ams.pages(f"/projects/{name}/members", "users", details="true")
            ]
            self.not_taken.append("service roles of users: the token is none of a service_admin")
        users: dict[str, UserEntry] = {}
        for user in listed:
            entry = self._user(user, projects)
            if not entry.projects and not entry.service_roles:
                self.not_taken.append(f"user {user['name']}: has no role in these projects")
                continue
            if not entry.token:
                self.not_taken.append(f"token of user {user['name']}: is not shown to this token; a new one is made")
            before = users.get(user["name"])
            users[user["name"]] = entry if before is None else _merge(before, entry)
        return users

    def _user(self, user: Mapping[str, Any], projects: list[str]) -> UserEntry:
        roles: dict[str, list[str]] = {}
        for membership in user.get("projects") or []:
            if membership["project"] in projects:
                given = membership.get("roles") or []
                kept = [role for role in given if role in PROJECT_ROLES]
                self._name_roles(user["name"], [role for role in given if role not in PROJECT_ROLES])
                roles[membership["project"]] = kept
        service = [role for role in user.get("service_roles") or [] if role in ALL_ROLES]
        self._name_roles(user["name"], [role for role in user.get("service_roles") or [] if role not in ALL_ROLES])
        profile = {name: user.get(name) or "" for name in _PROFILE}
        return UserEntry(token=user.get("token") or "", service_roles=service, projects=roles, **profile)

    def _name_roles(self, user: str, roles: list[str]) -> None:
        self.not_taken.extend(f"role {role} of user {user}: there is no such role here" for role in roles)

    def _project(self, name: str, description: str, users: Mapping[str, UserEntry]) -> ProjectEntry:
        schemas = {
            _short(schema["name"]): SchemaEntry(schema["type"], schema["schema"])
            for schema in self.ams.ask("GET", f"/projects/{name}/schemas").get("schemas") or []
        }
        topics = {}
        for topic_view in reversed(list(self.ams.pages(f"/projects/{name}/topics", "topics"))):
            topic = _short(topic_view["name"])
            acl = self._try(f"topic {name}/{topic}", partial(self._acl, f"/projects/{name}/topics/{topic}", users))
            if acl is not None:
                topics[topic] = TopicEntry(schema=_short(topic_view.get("schema") or ""), acl=acl)
        subscriptions = {}
        for subscription in reversed(list(self.ams.pages(f"/projects/{name}/subscriptions", "subscriptions"))):
            if _short(subscription["topic"]) not in topics:
                self.not_taken.append(f"subscription {name}/{_short(subscription['name'])}: its topic is gone")
                continue
            what = f"subscription {name}/{_short(subscription['name'])}"
            entry = self._try(what, partial(self._subscription, name, subscription, users))
            if entry is not None:
                subscriptions[_short(subscription["name"])] = entry
        return ProjectEntry(description, schemas, topics, subscriptions)

    def _try(self, what: str, read: Callable[[], T]) -> T | None:
        """Read one thing; None, and its name among what was not taken, when the other side refuses that alone."""
        try:
            return read()
        except ForeignRefusal as refused:
            if refused.code in _REFUSED:
                raise
            self.not_taken.append(f"{what}: {refused.message}")
            return None

    def _subscription(
        self, project: str, subscription: Mapping[str, Any], users: Mapping[str, UserEntry]
    ) -> SubscriptionEntry:
        name = _short(subscription["name"])
        path = f"/projects/{project}/subscriptions/{name}"
        offsets = self.ams.ask("GET", f"{path}:offsets")
        self.stands[f"{project}/{name}"] = {key: int(offsets[key]) for key in ("min", "max", "current")}
        push = _push_of(subscription.get("pushConfig") or {})
        if push.type and push.verified and not self.start_pushes:
            push = msgspec.structs.replace(push, verified=False)
            self.not_taken.append(
                f"pushes of {project}/{name}: `subscription verify` begins them, once the other side has stopped"
            )
        deadline_s = subscription.get("ackDeadlineSeconds") or 10
        return SubscriptionEntry(
            topic=_short(subscription["topic"]),
            ack_deadline_s=deadline_s,
            filter=subscription.get("filter") or "",
            push=push,
            acl=self._acl(path, users),
        )

    def _acl(self, path: str, users: Mapping[str, UserEntry]) -> list[str]:
        listed = self.ams.ask("GET", f"{path}:acl").get("authorized_users") or []
        self.not_taken.extend(
            f"{user} on the access list of {path}: is not taken" for user in listed if user not in users
        )
        return [user for user in listed if user in users]


def read_holdings(ams: ForeignAms, projects: tuple[str, ...], *, start_pushes: bool) -> ForeignHoldings:
    """All that another AMS holds of these projects, or of all. Raises Failed."""
    reader = _HoldingsReader(ams, start_pushes)
    try:
        manifest = reader.read_all(projects)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Failed(f"the AMS at {ams.url} answers in a way that none does: {error!r}") from error
    return ForeignHoldings(manifest, reader.stands, reader.not_taken)


def _push_of(config: Mapping[str, Any]) -> PushConfig:
    """A push configuration as AMS shows it. Raises ValidationError, which is a ValueError."""
    header, retry = config.get("authorizationHeader") or {}, config.get("retryPolicy") or {}
    kind = config.get("type") or ("http_endpoint" if config.get("pushEndpoint") else "")
    if not kind:
        return PushConfig()
    fields = {
        "type": kind,
        "endpoint": config.get("pushEndpoint") or "",
        "max_messages": config.get("maxMessages") or 1,
        "authorization_type": header.get("type") or "",
        "authorization_value": header.get("value") or "",
        "retry_type": retry.get("type") or "linear",
        "retry_period_ms": retry.get("period") or 0,
        "verification_hash": config.get("verificationHash") or "",
        "verified": bool(config.get("verified")),
        "mattermost_url": config.get("mattermostUrl") or "",
        "mattermost_username": config.get("mattermostUsername") or "",
        "mattermost_channel": config.get("mattermostChannel") or "",
        "base64_decode": bool(config.get("base64Decode")),
    }
    return msgspec.convert(fields, PushConfig)


def _merge(before: UserEntry, more: UserEntry) -> UserEntry:
    return msgspec.structs.replace(before, projects=before.projects | more.projects)


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _error_text(answer: httpx.Response) -> str:
    try:
        return f"{msgspec.json.decode(answer.content)['error']['message']} (HTTP {answer.status_code})"
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        return f"HTTP {answer.status_code}"
