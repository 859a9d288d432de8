"""What a service holds apart from messages, as one document: read from this daemon, or taken over from elsewhere."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from bridge.operate.operator_context import OperatorContext
from broker.catalog_cache import CatalogCache
from broker.names import child_key
from broker.records import CertificateBinding, Project, PushConfig, Schema, Subscription, Topic, User

LARGEST_BYTES: Final = 64 * 1024 * 1024


class SchemaEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A schema of a project, with its definition as JSON."""

    type: Literal["json", "avro"]
    definition: dict[str, Any]


class TopicEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A topic of a project; ``acl`` names the users who may publish to it."""

    schema: str = ""
    decode: str = ""
    acl: list[str] = []


class SubscriptionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A subscription of a project; ``acl`` names the users who may pull from it."""

    topic: str
    ack_deadline_s: int = 10
    filter: str = ""
    push: PushConfig = PushConfig()
    acl: list[str] = []


class ProjectEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A project with all that is in it, but messages and members."""

    description: str = ""
    schemas: dict[str, SchemaEntry] = {}
    topics: dict[str, TopicEntry] = {}
    subscriptions: dict[str, SubscriptionEntry] = {}


class UserEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user; ``projects`` are roles by project, an empty ``token`` lets one be made."""

    token: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    organization: str = ""
    description: str = ""
    service_roles: list[str] = []
    projects: dict[str, list[str]] = {}


class CertificateEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A certificate subject and the user it logs in as; a ``name`` has one subject at a time."""

    subject: str
    user: str
    name: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A manifest: projects, users and certificates, as one document."""

    projects: dict[str, ProjectEntry] = {}
    users: dict[str, UserEntry] = {}
    certificates: list[CertificateEntry] = []


def read_manifest(context: OperatorContext, *, with_secrets: bool = False) -> Manifest:
    """What this daemon holds; tokens and headers of pushes only with ``with_secrets``."""
    cache = context.broker.cache
    names = {user.uid: user.name for user in cache.list_all(User)}
    projects = {project.name: _project(cache, project, names, with_secrets) for project in cache.list_all(Project)}
    users = {user.name: _user(context, user, with_secrets) for user in cache.list_all(User)}
    bound = [
        CertificateEntry(binding.subject, names[binding.user_uid], binding.name)
        for binding in cache.list_all(CertificateBinding)
        if binding.user_uid in names
    ]
    return Manifest(projects, users, bound)


def _project(cache: CatalogCache, project: Project, names: dict[str, str], with_secrets: bool) -> ProjectEntry:
    prefix = child_key(project.uid, "")
    schemas = {schema.uid: schema for schema in cache.list_all(Schema, prefix)}
    return ProjectEntry(
        project.description,
        {schema.name: SchemaEntry(schema.type, schema.definition) for schema in schemas.values()},
        {
            topic.name: TopicEntry(
                schemas[topic.schema_uid].name if topic.schema_uid in schemas else "",
                "" if topic.decode == "auto" else topic.decode,
                _names_of(topic.acl, names),
            )
            for topic in cache.list_all(Topic, prefix)
        },
        {
            subscription.name: SubscriptionEntry(
                subscription.topic_name,
                subscription.ack_deadline_s,
                subscription.filter,
                _push(subscription.push, with_secrets),
                _names_of(subscription.acl, names),
            )
            for subscription in cache.list_all(Subscription, prefix)
        },
    )


def _user(context: OperatorContext, user: User, with_secrets: bool) -> UserEntry:
    cache = context.broker.cache
    roles = {
        project.name: list(member.roles)
        for member in user.memberships
        if (project := cache.find_by_uid(Project, member.project_uid)) is not None
    }
    return UserEntry(
        token=(context.broker.users.token_of(user) or "") if with_secrets else "",
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        organization=user.organization,
        description=user.description,
        service_roles=list(user.service_roles),
        projects=roles,
    )


def _push(push: PushConfig, with_secrets: bool) -> PushConfig:
    return push if with_secrets else msgspec.structs.replace(push, authorization_value="", mattermost_url="")


def _names_of(uids: tuple[str, ...], names: dict[str, str]) -> list[str]:
    return [names[uid] for uid in uids if uid in names]
