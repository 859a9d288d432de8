"""``projects:`` of bridge.yaml: what must exist is created or brought up to date; nothing is ever deleted.

``provision`` does it and says what it did. Doing it twice does nothing the second time. Start, reload and ``check`` do
it on a planned catalog (broker/planned.py), so that nothing lasts before everything else was judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from bridge.operate.catalog_upkeep import CatalogUpkeep
from bridge.settings.model import (
    ProjectSettings,
    PushToSettings,
    SchemaSettings,
    SubscriptionSettings,
    TopicSettings,
    UserSettings,
)
from broker.broker import Broker
from broker.records import Project, PushConfig, Schema, Subscription, Topic, User
from broker.users import Grants, Profile

BY = "provisioning"

T = TypeVar("T")


class CannotProvision(Exception):
    """Something under ``projects:`` cannot be made; the text says what and why."""


async def provision(
    broker: Broker, projects: Mapping[str, ProjectSettings], certificates: Mapping[str, str]
) -> list[str]:
    """Make the catalog hold at least what the settings say; returns one line per change. Raises CannotProvision."""
    provisioning = _Provisioning(broker)
    for name, settings in projects.items():
        await provisioning.ensure_project(name, settings)
    for subject, user_name in certificates.items():
        await provisioning.ensure_certificate(subject, user_name)
    return provisioning.done


class _Provisioning:
    """One pass over the settings, and what it changed."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._upkeep = CatalogUpkeep(broker, BY, lambda line, error: CannotProvision(f"{line}: {error}"))
        self._do = self._upkeep.do

    @property
    def done(self) -> list[str]:
        return self._upkeep.done

    async def ensure_project(self, name: str, settings: ProjectSettings) -> None:
        project = await self._upkeep.ensure_project(name, settings.description)
        for schema_name, schema in settings.schemas.items():
            await self._ensure_schema(project, schema_name, schema)
        for topic_name, topic in settings.topics.items():
            await self._ensure_topic(project, topic_name, topic)
        for subscription_name, subscription in settings.subscriptions.items():
            await self._ensure_subscription(project, subscription_name, subscription)
        for user_name, user in settings.users.items():
            await self._ensure_user(project, user_name, user)
        await self._ensure_acls(project, settings.users)

    async def ensure_certificate(self, subject: str, user_name: str) -> None:
        user = self._broker.cache.find(User, user_name)
        if user is None:
            raise CannotProvision(f"auth.certificates: there is no user {user_name!r} for {subject}")
        bound = self._broker.certificates.user_of(subject)
        if bound is None or bound.uid != user.uid:
            bind = self._broker.certificates.bind(subject, user, BY)
            await self._do(f"certificate {subject}: user {user_name}", bind)

    async def _ensure_schema(self, project: Project, name: str, settings: SchemaSettings) -> None:
        definition = _definition(settings.file)
        try:
            await self._upkeep.ensure_schema(project, name, settings.type, definition)
        except CannotProvision as error:
            raise CannotProvision(f"{settings.file}: {error}") from error

    async def _ensure_topic(self, project: Project, name: str, settings: TopicSettings) -> None:
        schema_uid = self._schema_uid(project, settings.schema_name)
        await self._upkeep.ensure_topic(
            project, name, schema_name=settings.schema_name, schema_uid=schema_uid, decode=settings.decode
        )

    async def _ensure_subscription(self, project: Project, name: str, settings: SubscriptionSettings) -> None:
        what, subscriptions = f"subscription {project.name}/{name}", self._broker.subscriptions
        subscription = self._broker.cache.subscription(project.uid, name)
        if subscription is None:
            topic = self._topic_of(project, settings.topic)
            push = None if settings.push is None else push_config(settings.push)
            deadline_s = settings.ack_deadline_s
            create = subscriptions.create(
                project, name, topic, ack_deadline_s=deadline_s, push=push, filter_text=settings.filter
            )
            await self._do(f"{what}: create on {settings.topic}{' and push' if push else ''}", create)
            return
        if subscription.topic_name != settings.topic:
            raise CannotProvision(
                f"{what} reads {subscription.topic_name}, not {settings.topic}: a subscription "
                "keeps its topic; delete it, or name the new one otherwise"
            )
        await self._upkeep.ensure_subscription(
            what, subscription, ack_deadline_s=settings.ack_deadline_s, text=settings.filter
        )
        await self._ensure_push(what, subscription, settings.push)

    async def _ensure_push(self, what: str, subscription: Subscription, settings: PushToSettings | None) -> None:
        """What the settings do not name stays: it may have been configured over the API."""
        if settings is None:
            return
        wanted = push_config(settings)
        kept = msgspec.structs.replace(subscription.push, verification_hash="")
        if kept != wanted:
            await self._upkeep.ensure_push(what, subscription, wanted)

    async def _ensure_user(self, project: Project, name: str, settings: UserSettings) -> None:
        users, user = self._broker.users, self._broker.cache.find(User, name)
        roles = f"{', '.join(settings.roles) or 'no role'} in {project.name}"
        token = settings.token.reveal() if settings.token else None
        if user is None:
            grants = Grants(projects=((project.name, settings.roles),))
            create = users.create(name, Profile(email=settings.email), grants, created_by=BY, token=token)
            await self._do(f"user {name}: create, {roles}", create)
            return
        member = next((membership for membership in user.memberships if membership.project_uid == project.uid), None)
        if member is None:
            await self._do(f"user {name}: {roles}", users.add_member(user, project, settings.roles))
        elif set(member.roles) != set(settings.roles):
            await self._do(f"user {name}: {roles}", users.set_member_roles(user, project, settings.roles))
        if token is not None and users.token_of(user) != token:
            await self._do(f"user {name}: token", users.set_token(user, token))

    async def _ensure_acls(self, project: Project, users: Mapping[str, UserSettings]) -> None:
        """Add users to the access lists they are named for; others on the lists stay."""
        topics: dict[str, list[str]] = {}
        subscriptions: dict[str, list[str]] = {}
        for name, settings in users.items():
            user = self._broker.cache.find(User, name)
            for topic_name in settings.topics if user else ():
                topics.setdefault(topic_name, []).append(user.uid if user else "")
            for subscription_name in settings.subscriptions if user else ():
                subscriptions.setdefault(subscription_name, []).append(user.uid if user else "")
        for topic_name, uids in topics.items():
            topic = self._topic_of(project, topic_name)
            await self._ensure_on_list(f"topic {project.name}/{topic_name}", topic, uids)
        for subscription_name, uids in subscriptions.items():
            subscription = self._broker.cache.subscription(project.uid, subscription_name)
            if subscription is None:
                raise CannotProvision(f"there is no subscription {project.name}/{subscription_name} for a user to read")
            await self._ensure_on_list(f"subscription {project.name}/{subscription_name}", subscription, uids)

    async def _ensure_on_list(self, what: str, record: Topic | Subscription, uids: list[str]) -> None:
        missing = [uid for uid in uids if uid not in record.acl]
        if not missing:
            return
        wanted = (*record.acl, *missing)
        match record:
            case Topic():
                await self._do(f"{what}: access list", self._broker.topics.set_acl(record, wanted))
            case Subscription():
                await self._do(f"{what}: access list", self._broker.subscriptions.set_acl(record, wanted))

    def _schema_uid(self, project: Project, name: str | None) -> str:
        if name is None:
            return ""
        schema: Schema | None = self._broker.cache.schema(project.uid, name)
        if schema is None:
            raise CannotProvision(f"there is no schema {project.name}/{name}")
        return schema.uid

    def _topic_of(self, project: Project, name: str) -> Topic:
        topic = self._broker.cache.topic(project.uid, name)
        if topic is None:
            raise CannotProvision(f"there is no topic {project.name}/{name}")
        return topic


def push_config(settings: PushToSettings) -> PushConfig:
    """The push configuration that settings ask for; whoever writes them vouches for the endpoint."""
    url = settings.url.reveal()
    is_mattermost = settings.type == "mattermost"
    authorization = "" if settings.authorization is None or is_mattermost else settings.authorization.reveal()
    return PushConfig(
        type=settings.type,
        endpoint="" if is_mattermost else url,
        max_messages=1 if is_mattermost else settings.max_messages,
        authorization_type="" if is_mattermost else "autogen" if authorization else "disabled",
        authorization_value=authorization,
        retry_type=settings.retry,
        retry_period_ms=round(settings.period * 1000) if settings.retry == "linear" else 0,
        verified=True,
        mattermost_url=url if is_mattermost else "",
        mattermost_username=settings.username if is_mattermost else "",
        mattermost_channel=settings.channel if is_mattermost else "",
        base64_decode=settings.base64_decode,
    )


def _definition(file: Path) -> dict[str, object]:
    try:
        read = msgspec.json.decode(file.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise CannotProvision(f"cannot read the schema {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CannotProvision(f"the schema {file} is not a JSON object: {error}") from error
    return read
