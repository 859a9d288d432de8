"""How far every subscription is behind its topic, and whether its pushes get through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from bridge.core.label_bounds import MOST_NAMED, OTHERS
from bridge.core.push_trouble import PushTrouble
from bridge.destinations.kit.redact import shown_url
from broker.broker import Broker
from broker.clock import US_PER_S
from broker.model import Cursor
from broker.names import child_key, subscription_cursor
from broker.records import Project, Subscription
from broker.store import Store


class PushWatch(Protocol):
    """Knows how pushes fare."""

    def status(self, subscription: Subscription) -> str:
        """The state of one subscription's pushes, in AMS's words."""

    def trouble(self, subscription: Subscription) -> PushTrouble | None:
        """Since when, and why, its pushes fail; None while they do not."""


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """One subscription: how many messages it has not seen (None while its topic is deleted), and its pushes.

    ``push`` is the type of its push configuration, "" for one that is pulled; ``endpoint`` leaves out what may be
    secret, ``status`` is in AMS's words.
    """

    name: str
    topic: str
    behind: int | None
    push: str
    endpoint: str
    verified: bool
    status: str
    trouble: PushTrouble | None


async def subscription_states(
    store: Store, broker: Broker, pushes: PushWatch, project: Project | None = None
) -> list[SubscriptionState]:
    """The state of every subscription, or of those of one project; the furthest behind comes first."""
    prefix = "" if project is None else child_key(project.uid, "")
    subscriptions = broker.cache.list_all(Subscription, prefix)
    cursors = {cursor.id: cursor for cursor in await store.cursors.list(subscription_cursor(""))}
    ends = await _ends(store, broker, subscriptions)
    states = [_state(broker, pushes, subscription, cursors, ends) for subscription in subscriptions]
    return sorted(states, key=lambda state: (-(state.behind or 0), state.name))


async def _ends(store: Store, broker: Broker, subscriptions: Iterable[Subscription]) -> dict[str, tuple[int, int]]:
    """Topic uid -> its first and its next offset."""
    topics = {
        topic.uid
        for subscription in subscriptions
        if (topic := broker.subscriptions.topic_of(subscription)) is not None
    }
    ends = {}
    for uid in topics:
        bounds = await store.log.bounds(uid)
        ends[uid] = bounds.first, bounds.end
    return ends


def _state(
    broker: Broker,
    pushes: PushWatch,
    subscription: Subscription,
    cursors: dict[str, Cursor],
    ends: dict[str, tuple[int, int]],
) -> SubscriptionState:
    topic = broker.subscriptions.topic_of(subscription)
    push = subscription.push
    behind = None
    if topic is not None:
        begin, end = ends[topic.uid]
        cursor = cursors.get(subscription_cursor(subscription.uid))
        behind = 0 if cursor is None else max(end - max(cursor.offset, begin), 0)
    project = broker.cache.find_by_uid(Project, subscription.project_uid)
    name = f"projects/{'' if project is None else project.name}/subscriptions/{subscription.name}"
    return SubscriptionState(
        name=name,
        topic=f"{name.rpartition('/subscriptions/')[0]}/topics/{subscription.topic_name}",
        behind=behind,
        push=push.type,
        endpoint=shown_url(push.mattermost_url or push.endpoint) if push.type else "",
        verified=push.verified,
        status=pushes.status(subscription) if push.type and push.verified else "",
        trouble=pushes.trouble(subscription),
    )


class SubscriptionMetrics:
    """How far subscriptions are behind, and which pushes fail; the two hundred furthest behind by name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._behind = Gauge(
            "ams_bridge_subscription_behind",
            "Messages a subscription has not acknowledged or been pushed",
            ["subscription"],
            registry=registry,
        )
        self._failing = Gauge(
            "ams_bridge_push_failing_since_seconds",
            "When the pushes of a subscription began to fail; nothing while they succeed",
            ["subscription"],
            registry=registry,
        )

    def show(self, states: Sequence[SubscriptionState]) -> None:
        """All subscriptions as they stand, the furthest behind first."""
        self._behind.clear()
        self._failing.clear()
        for state in states[:MOST_NAMED]:
            if state.behind is not None:
                self._behind.labels(state.name).set(state.behind)
        rest = states[MOST_NAMED:]
        if rest:
            self._behind.labels(OTHERS).set(sum(state.behind or 0 for state in rest))
        failing = [state for state in states if state.trouble is not None]
        for state in failing[:MOST_NAMED]:
            if state.trouble is not None:
                self._failing.labels(state.name).set(state.trouble.since_us / US_PER_S)
