"""Lists subscriptions: how far each is behind, and whether its pushes get through."""

from __future__ import annotations

import msgspec

from bridge.observe.subscription_lag import SubscriptionState
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.operator_times import rfc3339
from broker.records import Project
from rules.source.words import suggest


class SubscriptionView(msgspec.Struct, frozen=True):
    """One subscription: what it has not seen (null while its topic is deleted), and how its pushes fare."""

    subscription: str
    topic: str
    behind: int | None
    push: str
    endpoint: str
    verified: bool
    status: str
    failing_since: str | None
    why: str


class SubscriptionsPage(msgspec.Struct, frozen=True):
    """The subscriptions, the furthest behind first."""

    subscriptions: list[SubscriptionView]


async def list_subscriptions(context: OperatorContext, project: str = "") -> SubscriptionsPage:
    """Every subscription, or those of one project. Raises NoSuchThing, StoreUnavailable."""
    cache = context.broker.cache
    only = cache.project(project) if project else None
    if project and only is None:
        known = [project.name for project in cache.list_all(Project)]
        text = f'there is no project "{project[:200]}"{suggest(project, known)}'
        raise NoSuchThing("project", project, text)
    return SubscriptionsPage([_view(state) for state in await context.subscriptions(only)])


def _view(state: SubscriptionState) -> SubscriptionView:
    trouble = state.trouble
    return SubscriptionView(
        subscription=state.name,
        topic=state.topic,
        behind=state.behind,
        push=state.push,
        endpoint=state.endpoint,
        verified=state.verified,
        status=state.status,
        failing_since=None if trouble is None else rfc3339(trouble.since_us),
        why="" if trouble is None else trouble.why,
    )
