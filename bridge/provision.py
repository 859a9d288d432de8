"""``projects:`` of bridge.yaml: what must exist is created or brought up to date; nothing is ever deleted.

``provision`` does it and says what it did; with ``dry`` it only says. Doing it twice does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from bridge.settings import ProjectSettings, SchemaSettings, SubscriptionSettings, TopicSettings, UserSettings
from broker.broker import Broker
from broker.errors import NotFound
from broker.records import Project, Schema, Subscription, Topic, User
from broker.users import Grants, Profile

BY = "provisioning"


class CannotProvision(Exception):
    """Something under ``projects:`` cannot be made; the text says what and why."""


async def provision(
    broker: Broker, projects: Mapping[str, ProjectSettings], certificates: Mapping[str, str], *, dry: bool = False
) -> list[str]:
    """Make the catalog hold at least what the settings say; returns one line per change. Raises CannotProvision."""
    provisioning = _Provisioning(broker, dry=dry)
    for name, settings in projects.items():
        await provisioning.project(name, settings)
    for subject, user_name in certificates.items():
        await provisioning.certificate(subject, user_name)
    return provisioning.done


class _Provisioning:
    """One pass over the settings, and what it changed."""

    def __init__(self, broker: Broker, *, dry: bool) -> None:
        self._broker = broker
        self._dry = dry
        self.done: list[str] = []

    async def project(self, name: str, settings: ProjectSettings) -> None:
        project = self._broker.cache.project(name)
        if project is None:
            await self._do(
                f"project {name}: create", lambda: self._broker.projects.create(name, settings.description, BY)
            )
        elif settings.description and project.description != settings.description:
            found = project
            await self._do(
                f"project {name}: description",
                lambda: self._broker.projects.update(found, description=settings.description),
            )
        project = self._broker.cache.project(name)
        for schema_name, schema in settings.schemas.items():
            await self._schema(name, project, schema_name, schema)
        for topic_name, topic in settings.topics.items():
            await self._topic(name, project, topic_name, topic)
        for subscription_name, subscription in settings.subscriptions.items():
            await self._subscription(name, project, subscription_name, subscription)
        for user_name, user in settings.users.items():
            await self._user(name, project, user_name, user)
        await self._acls(name, project, settings.users)

    async def certificate(self, subject: str, user_name: str) -> None:
        user = self._broker.cache.find(User, user_name)
        if user is None:
            if not self._dry:
                raise CannotProvision(f"auth.certificates: there is no user {user_name!r} for {subject}")
            return
        bound = self._broker.certificates.user_of(subject)
        if bound is None or bound.uid != user.uid:
            await self._do(
                f"certificate {subject}: user {user_name}", lambda: self._broker.certificates.bind(subject, user, BY)
            )

    async def _schema(self, where: str, project: Project | None, name: str, settings: SchemaSettings) -> None:
        definition = _definition(settings.file)
        schema = self._broker.cache.schema(project.uid, name) if project else None
        if schema is None:
            await self._made(
                f"schema {where}/{name}: create",
                project,
                lambda found: self._broker.schemas.create(found, name, settings.type, definition, BY),
            )
        elif (schema.type, schema.definition) != (settings.type, definition):
            found = schema
            await self._do(
                f"schema {where}/{name}: update",
                lambda: self._broker.schemas.update(found, schema_type=settings.type, definition=definition),
            )

    async def _topic(self, where: str, project: Project | None, name: str, settings: TopicSettings) -> None:
        schema_uid = self._schema_uid(where, project, settings.schema_name)
        topic = self._broker.cache.topic(project.uid, name) if project else None
        if topic is None:
            await self._made(
                f"topic {where}/{name}: create",
                project,
                lambda found: self._broker.topics.create(
                    found, name, schema_uid=schema_uid, decode=settings.decode, created_by=BY
                ),
            )
            return
        found = topic
        if settings.schema_name and topic.schema_uid != schema_uid:
            await self._do(
                f"topic {where}/{name}: schema {settings.schema_name}",
                lambda: self._broker.topics.set_schema(found, schema_uid),
            )
        if topic.decode != settings.decode:
            await self._do(
                f"topic {where}/{name}: decode {settings.decode}",
                lambda: self._broker.topics.set_decode(found, settings.decode),
            )

    async def _subscription(
        self, where: str, project: Project | None, name: str, settings: SubscriptionSettings
    ) -> None:
        subscription = self._broker.cache.subscription(project.uid, name) if project else None
        if subscription is None:
            await self._made(
                f"subscription {where}/{name}: create on {settings.topic}",
                project,
                lambda found: self._broker.subscriptions.create(
                    found, name, self._topic_of(found, where, settings.topic), ack_deadline_s=settings.ack_deadline_s
                ),
            )
            return
        found = subscription
        if subscription.topic_name != settings.topic:
            raise CannotProvision(
                f"subscription {where}/{name} reads {subscription.topic_name}, not {settings.topic}: a subscription "
                "keeps its topic; delete it, or name the new one otherwise"
            )
        if subscription.ack_deadline_s != settings.ack_deadline_s:
            await self._do(
                f"subscription {where}/{name}: ack deadline {settings.ack_deadline_s} s",
                lambda: self._broker.subscriptions.set_ack_deadline(found, settings.ack_deadline_s),
            )

    async def _user(self, where: str, project: Project | None, name: str, settings: UserSettings) -> None:
        users, user = self._broker.users, self._broker.cache.find(User, name)
        token = settings.token.reveal() if settings.token else None
        if user is None:
            grants = Grants(projects=((where, settings.roles),))
            await self._made(
                f"user {name}: create, {', '.join(settings.roles) or 'no role'} in {where}",
                project,
                lambda found: users.create(name, Profile(email=settings.email), grants, created_by=BY, token=token),
            )
            return
        found = user
        member = next((one for one in user.memberships if project and one.project_uid == project.uid), None)
        if member is None:
            await self._made(
                f"user {name}: {', '.join(settings.roles) or 'no role'} in {where}",
                project,
                lambda home: users.add_member(found, home, settings.roles),
            )
        elif set(member.roles) != set(settings.roles):
            await self._made(
                f"user {name}: {', '.join(settings.roles) or 'no role'} in {where}",
                project,
                lambda home: users.set_member_roles(found, home, settings.roles),
            )
        if token is not None and users.token_of(found) != token:
            await self._do(f"user {name}: token", lambda: users.set_token(found, token))

    async def _acls(self, where: str, project: Project | None, users: Mapping[str, UserSettings]) -> None:
        """Add users to the access lists they are named for; others on the lists stay."""
        if project is None:
            return
        topics: dict[str, list[str]] = {}
        subscriptions: dict[str, list[str]] = {}
        for name, settings in users.items():
            user = self._broker.cache.find(User, name)
            for topic_name in settings.topics if user else ():
                topics.setdefault(topic_name, []).append(user.uid if user else "")
            for subscription_name in settings.subscriptions if user else ():
                subscriptions.setdefault(subscription_name, []).append(user.uid if user else "")
        for topic_name, uids in topics.items():
            topic = self._topic_of(project, where, topic_name)
            await self._on_list(f"topic {where}/{topic_name}", topic, uids)
        for subscription_name, uids in subscriptions.items():
            subscription = self._broker.cache.subscription(project.uid, subscription_name)
            if subscription is None:
                raise CannotProvision(f"there is no subscription {where}/{subscription_name} for a user to read")
            await self._on_list(f"subscription {where}/{subscription_name}", subscription, uids)

    async def _on_list(self, what: str, record: Topic | Subscription, uids: list[str]) -> None:
        missing = [uid for uid in uids if uid not in record.acl]
        if not missing:
            return
        wanted = (*record.acl, *missing)
        match record:
            case Topic():
                await self._do(f"{what}: access list", lambda: self._broker.topics.set_acl(record, wanted))
            case Subscription():
                await self._do(f"{what}: access list", lambda: self._broker.subscriptions.set_acl(record, wanted))

    def _schema_uid(self, where: str, project: Project | None, name: str | None) -> str:
        if name is None:
            return ""
        schema: Schema | None = self._broker.cache.schema(project.uid, name) if project else None
        if schema is None and not self._dry:
            raise CannotProvision(f"there is no schema {where}/{name}")
        return schema.uid if schema else ""

    def _topic_of(self, project: Project, where: str, name: str) -> Topic:
        topic = self._broker.cache.topic(project.uid, name)
        if topic is None:
            raise CannotProvision(f"there is no topic {where}/{name}")
        return topic

    async def _made(self, line: str, project: Project | None, step: Callable[[Project], Awaitable[object]]) -> None:
        """Do a step that needs the project, which in a dry pass may not exist yet."""

        async def within() -> object:
            if project is None:
                raise NotFound("project", line)
            return await step(project)

        await self._do(line, within)

    async def _do(self, line: str, step: Callable[[], Awaitable[object]]) -> None:
        self.done.append(line)
        if not self._dry:
            await step()


def _definition(file: Path) -> dict[str, object]:
    try:
        read = msgspec.json.decode(file.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise CannotProvision(f"cannot read the schema {file}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise CannotProvision(f"the schema {file} is not a JSON object: {error}") from error
    return read
