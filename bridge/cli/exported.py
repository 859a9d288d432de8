"""Turns a manifest into the sections ``projects:`` and ``auth:`` of bridge.yaml, with what settings cannot say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import yaml

from bridge.operate.manifest import Manifest, ProjectEntry, SubscriptionEntry, UserEntry
from broker.access import PROJECT_ROLES

_LONGEST_DEADLINE_S: Final = 600
_MOST_PER_PUSH: Final = 10_000
_REFERENCE: Final = re.compile(r"\$\{[^}]*\}")
_MS: Final = 1000
_DEFAULT_PERIOD_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Exported:
    """Sections of bridge.yaml as text, schemas by file name, secrets by variable, and what was left out."""

    settings: str
    schemas: Mapping[str, bytes]
    secrets: Mapping[str, str]
    left_out: Sequence[str]
    projects: Sequence[str]


@dataclass(slots=True)
class _Writing:
    """One pass over a manifest."""

    manifest: Manifest
    schemas: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def project(self, name: str, entry: ProjectEntry) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if entry.description:
            if _REFERENCE.search(entry.description):
                self.left_out.append(f"description of project {name}: it would be read as a reference")
            else:
                made["description"] = entry.description
        for schema_name, schema in entry.schemas.items():
            file = f"{name}-{schema_name}.json"
            self.schemas[file] = msgspec.json.format(msgspec.json.encode(schema.definition), indent=2) + b"\n"
            made.setdefault("schemas", {})[schema_name] = {"type": schema.type, "file": f"schemas/{file}"}
        for topic_name, topic in entry.topics.items():
            fields = {"schema": topic.schema, "decode": topic.decode}
            made.setdefault("topics", {})[topic_name] = {key: value for key, value in fields.items() if value}
        for subscription_name, subscription_entry in entry.subscriptions.items():
            if subscription_entry.topic not in entry.topics:
                self.left_out.append(
                    f"subscription {name}/{subscription_name}: its topic {subscription_entry.topic} is gone"
                )
                continue
            subscription = self._subscription(f"{name}/{subscription_name}", subscription_entry)
            made.setdefault("subscriptions", {})[subscription_name] = subscription
        users = {who: self._user(who, user, name, entry) for who, user in self.manifest.users.items()}
        members = {who: user for who, user in users.items() if user is not None}
        return made | ({"users": members} if members else {})

    def _subscription(self, what: str, entry: SubscriptionEntry) -> dict[str, Any]:
        made: dict[str, Any] = {"topic": entry.topic}
        if entry.ack_deadline_s != 10:
            made["ack_deadline_s"] = min(entry.ack_deadline_s, _LONGEST_DEADLINE_S)
        if entry.ack_deadline_s > _LONGEST_DEADLINE_S:
            self.left_out.append(
                f"deadline of {what}: {entry.ack_deadline_s} s are {_LONGEST_DEADLINE_S} s in settings"
            )
        if entry.filter:
            made["filter"] = entry.filter
        if entry.push.type and not entry.push.verified:
            self.left_out.append(f"push of {what}: its endpoint is not verified, and one in settings needs no proof")
        elif entry.push.type:
            made["push"] = self._push(what, entry)
        return made

    def _push(self, what: str, entry: SubscriptionEntry) -> dict[str, Any]:
        push = entry.push
        made: dict[str, Any] = {}
        if push.type == "mattermost":
            url = self._secret(f"{what}_hook", push.mattermost_url)
            made = {"url": url, "type": "mattermost", "username": push.mattermost_username}
            made["channel"] = push.mattermost_channel
        else:
            made = {"url": push.endpoint, "max_messages": min(push.max_messages, _MOST_PER_PUSH)}
            if push.authorization_type == "autogen":
                made["authorization"] = self._secret(f"{what}_authorization", push.authorization_value)
        made["retry"] = push.retry_type or "linear"
        if made["retry"] == "linear":
            made["period"] = f"{(push.retry_period_ms or _DEFAULT_PERIOD_S * _MS) / _MS:g}s"
        if push.base64_decode:
            made["base64_decode"] = True
        return {key: value for key, value in made.items() if value != ""}

    def _user(self, who: str, user: UserEntry, project: str, entry: ProjectEntry) -> dict[str, Any] | None:
        if project not in user.projects:
            return None
        if who not in self.tokens:
            self.tokens[who] = self._secret(f"{who}_token", user.token)
        roles = [role for role in user.projects[project] if role in PROJECT_ROLES]
        topics = [name for name, topic in entry.topics.items() if who in topic.acl]
        subscriptions = [
            name
            for name, subscription in entry.subscriptions.items()
            if who in subscription.acl and subscription.topic in entry.topics
        ]
        made: dict[str, Any] = {"roles": roles, "topics": topics, "subscriptions": subscriptions}
        made |= {"token": self.tokens[who], "email": user.email}
        return {key: value for key, value in made.items() if value}

    def _secret(self, what: str, value: str) -> str:
        """A reference to a variable of the environment that is nobody else's."""
        word = re.sub(r"[^A-Z0-9]+", "_", what.upper()).strip("_")
        word = word if word[:1].isalpha() else f"AMS_{word}"
        name, nth = word, 2
        while name in self.secrets:
            name, nth = f"{word}_{nth}", nth + 1
        self.secrets[name] = value
        return f"${{env:{name}}}"


def export_settings(manifest: Manifest, only: Sequence[str] = ()) -> Exported:
    """The sections for these projects, or for all."""
    writing = _Writing(manifest)
    chosen = {name: entry for name, entry in manifest.projects.items() if not only or name in only}
    projects = {name: writing.project(name, entry) for name, entry in chosen.items()}
    for who, user in manifest.users.items():
        if user.service_roles and not only:
            writing.left_out.append(f"service roles of user {who}: {', '.join(user.service_roles)}")
        elif not user.projects and not only:
            writing.left_out.append(f"user {who}: is in no project")
    subjects = {
        certificate.subject: certificate.user
        for certificate in manifest.certificates
        if certificate.user in writing.tokens
    }
    made: dict[str, Any] = {"projects": projects}
    if subjects:
        made["auth"] = {"certificates": subjects}
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120)
    return Exported(text, writing.schemas, writing.secrets, writing.left_out, list(chosen))
