"""Takes over a manifest: what is missing is made, what differs is brought up to date, nothing is ever removed.

All of it is made on a planned catalog first, where everything is judged, and then written in one transaction; a dry run
stops before that. Doing it twice does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from bridge.operate.catalog_upkeep import CatalogUpkeep
from bridge.operate.manifest import (
    CertificateEntry,
    Manifest,
    ProjectEntry,
    SubscriptionEntry,
    TopicEntry,
    UserEntry,
)
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import InvalidInput
from broker.broker import Broker
from broker.conflicts import retry_on_conflict
from broker.planned import PlannedCatalog, plan_catalog
from broker.records import CertificateBinding, Project, PushConfig, Schema, Subscription, Topic, User
from broker.users import Grants, Profile

BY = "taken over"
T = TypeVar("T")


class TakenOver(msgspec.Struct, frozen=True):
    """One line for each change that was made, or would be with ``dry_run``."""

    done: list[str]
    dry_run: bool


async def take_over(context: OperatorContext, by: Requester, manifest: Manifest, *, dry_run: bool) -> TakenOver:
    """Make the catalog hold at least what the manifest says, all of it or nothing.

    Raises InvalidInput naming what cannot be made, StoreUnavailable.
    """

    async def step() -> tuple[PlannedCatalog, list[str]]:
        planned = await plan_catalog(context.broker)
        taking = _TakingOver(planned.broker)
        await taking.ensure_all(manifest)
        if not dry_run:
            await planned.write()
        return planned, taking.done

    _, done = await retry_on_conflict(step, what="the catalog")
    if done and not dry_run:
        await context.note(by, "manifest.take-over", after={"changes": len(done)})
    return TakenOver(done, dry_run)


class _TakingOver:
    """One pass over a manifest, and what it changed."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._upkeep = CatalogUpkeep(
            broker, BY, lambda line, error: InvalidInput(line.partition(":")[0], f"{line}: {error}")
        )
        self._do = self._upkeep.do

    @property
    def done(self) -> list[str]:
        return self._upkeep.done

    async def ensure_all(self, manifest: Manifest) -> None:
        for name, project in manifest.projects.items():
            await self._ensure_project(name, project)
        for name, user in manifest.users.items():
            await self._ensure_user(name, user)
        for name, project in manifest.projects.items():
            await self._ensure_acls(name, project)
        for certificate in manifest.certificates:
            await self._ensure_certificate(certificate)

    async def _ensure_project(self, name: str, wanted: ProjectEntry) -> None:
        project = await self._upkeep.ensure_project(name, wanted.description)
        for schema_name, schema in wanted.schemas.items():
            await self._upkeep.ensure_schema(project, schema_name, schema.type, schema.definition)
        for topic_name, topic in wanted.topics.items():
            await self._ensure_topic(project, topic_name, topic)
        for subscription_name, subscription in wanted.subscriptions.items():
            await self._ensure_subscription(project, subscription_name, subscription)

    async def _ensure_topic(self, project: Project, name: str, wanted: TopicEntry) -> None:
        what = f"topic {project.name}/{name}"
        schema: Schema | None = self._broker.cache.schema(project.uid, wanted.schema) if wanted.schema else None
        if wanted.schema and schema is None:
            raise InvalidInput(what, f"{what}: there is no schema {wanted.schema!r}")
        schema_uid = "" if schema is None else schema.uid
        await self._upkeep.ensure_topic(
            project, name, schema_name=wanted.schema, schema_uid=schema_uid, decode=wanted.decode
        )

    async def _ensure_subscription(self, project: Project, name: str, wanted: SubscriptionEntry) -> None:
        what, subscriptions = f"subscription {project.name}/{name}", self._broker.subscriptions
        subscription = self._broker.cache.subscription(project.uid, name)
        if subscription is None:
            topic = self._broker.cache.topic(project.uid, wanted.topic)
            if topic is None:
                raise InvalidInput(what, f"{what}: there is no topic {wanted.topic!r}")
            create = subscriptions.create(
                project,
                name,
                topic,
                ack_deadline_s=wanted.ack_deadline_s,
                push=wanted.push,
                filter_text=wanted.filter,
                created_by=BY,
            )
            await self._do(f"{what}: create on {wanted.topic}{' and push' if wanted.push.type else ''}", create)
            return
        if subscription.topic_name != wanted.topic:
            raise InvalidInput(what, f"{what} reads {subscription.topic_name} here, not {wanted.topic}")
        await self._upkeep.ensure_subscription(
            what, subscription, ack_deadline_s=wanted.ack_deadline_s, text=wanted.filter
        )
        await self._ensure_push(what, subscription, wanted.push)

    async def _ensure_push(self, what: str, subscription: Subscription, wanted: PushConfig) -> None:
        """What is pushed and verified here stays verified: it may have been begun here since."""
        begun = subscription.push.verified and subscription.push.verification_hash == wanted.verification_hash
        push = msgspec.structs.replace(wanted, verified=wanted.verified or begun)
        if wanted.type and subscription.push != push:
            await self._upkeep.ensure_push(what, subscription, push)

    async def _ensure_user(self, name: str, wanted: UserEntry) -> None:
        users, user = self._broker.users, self._broker.cache.find(User, name)
        wanted_fields = (wanted.email, wanted.first_name, wanted.last_name, wanted.organization, wanted.description)
        if user is None:
            grants = Grants(tuple(wanted.projects.items()), wanted.service_roles)
            create = users.create(name, Profile(*wanted_fields), grants, created_by=BY, token=wanted.token or None)
            await self._do(f"user {name}: create", create)
            return
        current_fields = (user.email, user.first_name, user.last_name, user.organization, user.description)
        if any(new and new != old for new, old in zip(wanted_fields, current_fields, strict=True)):
            user = await self._do(f"user {name}: profile", users.update(user, profile=Profile(*wanted_fields)))
        roles = [*user.service_roles, *(text for text in wanted.service_roles if text not in user.service_roles)]
        if len(roles) > len(user.service_roles):
            update = users.update(user, grants=Grants(service_roles=roles))
            user = await self._do(f"user {name}: service roles {', '.join(roles)}", update)
        for project_name, project_roles in wanted.projects.items():
            user = await self._membership(user, project_name, project_roles)
        if wanted.token and users.token_of(user) != wanted.token:
            await self._do(f"user {name}: token", users.set_token(user, wanted.token))

    async def _membership(self, user: User, project_name: str, roles: Sequence[str]) -> User:
        project = self._find_project(project_name, f"user {user.name}")
        what = f"user {user.name}: {', '.join(roles) or 'no role'} in {project_name}"
        member = next((membership for membership in user.memberships if membership.project_uid == project.uid), None)
        if member is None:
            return await self._do(what, self._broker.users.add_member(user, project, roles))
        missing = [role for role in roles if role not in member.roles]
        if not missing:
            return user
        return await self._do(what, self._broker.users.set_member_roles(user, project, [*member.roles, *missing]))

    def _find_project(self, name: str, asking: str) -> Project:
        """The project of a name. Raises InvalidInput, which says what asked for it."""
        project = self._broker.cache.project(name)
        if project is None:
            raise InvalidInput(asking, f"{asking}: there is no project {name!r}")
        return project

    async def _ensure_acls(self, project_name: str, wanted: ProjectEntry) -> None:
        project = self._find_project(project_name, "access lists")
        for name, topic_entry in wanted.topics.items():
            topic = self._broker.cache.topic(project.uid, name)
            uids = self._missing(f"topic {project_name}/{name}", topic, topic_entry.acl)
            if topic is not None and uids:
                change = self._broker.topics.set_acl(topic, (*topic.acl, *uids))
                await self._do(f"topic {project_name}/{name}: access list", change)
        for name, entry in wanted.subscriptions.items():
            subscription = self._broker.cache.subscription(project.uid, name)
            uids = self._missing(f"subscription {project_name}/{name}", subscription, entry.acl)
            if subscription is not None and uids:
                set_acl = self._broker.subscriptions.set_acl(subscription, (*subscription.acl, *uids))
                await self._do(f"subscription {project_name}/{name}: access list", set_acl)

    def _missing(self, what: str, record: Topic | Subscription | None, names: Sequence[str]) -> list[str]:
        """The uids of users who are not on the access list yet. Raises InvalidInput."""
        users = {name: self._broker.cache.find(User, name) for name in names}
        unknown = [name for name, user in users.items() if user is None]
        if unknown:
            raise InvalidInput(what, f"{what}: there is no user {unknown[0]!r} for its access list")
        on_it = () if record is None else record.acl
        return [user.uid for user in users.values() if user is not None and user.uid not in on_it]

    async def _ensure_certificate(self, wanted: CertificateEntry) -> None:
        certificates, cache = self._broker.certificates, self._broker.cache
        user = cache.find(User, wanted.user)
        if user is None:
            raise InvalidInput("certificates", f"certificate {wanted.subject}: there is no user {wanted.user!r}")
        if wanted.name:
            for old in [binding for binding in cache.list_all(CertificateBinding) if binding.name == wanted.name]:
                if old.subject != wanted.subject:
                    await self._do(f"certificate {old.subject}: forget", certificates.unbind(old.subject))
        bound = certificates.user_of(wanted.subject)
        if bound is None or bound.uid != user.uid:
            bind = certificates.bind(wanted.subject, user, BY, name=wanted.name)
            await self._do(f"certificate {wanted.subject}: user {wanted.user}", bind)
