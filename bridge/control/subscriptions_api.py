"""``/api/subscriptions``: how far each is behind, and whether its pushes get through."""

from __future__ import annotations

import msgspec

from bridge.observe.subscription_lag import SubscriptionState
from bridge.operate.http_answers import OperatorRequest, Refusal
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


async def all_subscriptions(asked: OperatorRequest) -> SubscriptionsPage:
    """GET /api/subscriptions: every subscription, with ``project`` those of one; the furthest behind comes first."""
    name = asked.query("project")
    project = asked.source.broker.cache.project(name) if name else None
    if name and project is None:
        known = [one.name for one in asked.source.broker.cache.all(Project)]
        raise Refusal(404, f'there is no project "{name[:200]}"{suggest(name, known)}')
    return SubscriptionsPage([_view(state) for state in await asked.source.subscriptions(project)])


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
