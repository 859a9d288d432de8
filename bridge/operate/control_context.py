"""What the API reads and changes, handed in by whoever assembles the daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.audit import AuditTrail
from bridge.core.supervisor import Supervisor
from bridge.core.token_gate import TokenGate
from bridge.delivery.courier import Courier
from bridge.destinations.base import Destination
from bridge.observe.health import HealthReport
from bridge.observe.recent_activity import RecentActivity
from bridge.observe.subscription_lag import SubscriptionState
from bridge.operate.request_reload import ReloadOutcome
from bridge.routing.active_config import ActiveConfig
from broker.broker import Broker
from broker.clock import Clock
from broker.records import Project
from broker.store import Store
from broker.tokens import Entropy


def nobody(cookies: Mapping[str, str]) -> None:
    """No cookie is a session."""


async def no_subscriptions(project: Project | None) -> Sequence[SubscriptionState]:
    """A daemon whose topics nobody reads but its rules."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSource:
    """The parts of the daemon the API speaks for.

    ``subscriptions`` are those of one project or all, the furthest behind first.

    ``couriers`` and ``destinations`` give them as they are now, by name (they change on reload). ``admit`` says who
    a token belongs to, or None when it may not administer; ``admit_session`` the same for the pages' cookies, which
    may look and not change. ``gate`` is asked before each token, ``audit`` told of each change. ``stopping`` is set
    when the daemon begins to stop, so that streams end; ``streams`` are those open now.
    """

    store: Store
    broker: Broker
    clock: Clock
    in_force: ActiveConfig
    couriers: Callable[[], Mapping[str, Courier]]
    destinations: Callable[[], Mapping[str, Destination]]
    health: Callable[[], HealthReport]
    supervisor: Supervisor
    lately: RecentActivity
    reload: Callable[[], Awaitable[ReloadOutcome]]
    admit: Callable[[str], str | None]
    admit_session: Callable[[Mapping[str, str]], str | None] = nobody
    gate: TokenGate | None = None
    audit: AuditTrail | None = None
    subscriptions: Callable[[Project | None], Awaitable[Sequence[SubscriptionState]]] = no_subscriptions
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: set[object] = field(default_factory=set)
    entropy: Entropy = os.urandom
    release: str = ""
