"""What use cases of operators read and change, and who asks for them; handed in by whoever assembles the daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.core.audit import AuditEntry, AuditTrail
from bridge.core.supervisor import Supervisor
from bridge.delivery.courier import Courier
from bridge.destinations.base import Destination
from bridge.observe.health import HealthReport
from bridge.observe.recent_activity import RecentActivity
from bridge.observe.subscription_lag import SubscriptionState
from bridge.operate.reload_outcome import ReloadOutcome
from bridge.routing.active_config import ActiveConfig
from broker.broker import Broker
from broker.clock import Clock
from broker.records import Project
from broker.store import Store
from broker.tokens import Entropy


async def no_subscriptions(project: Project | None) -> Sequence[SubscriptionState]:
    """A daemon whose topics nobody reads but its rules."""
    return []


@dataclass(frozen=True, slots=True)
class Requester:
    """The person or program that asks: the name, and the ``address`` for the audit trail."""

    who: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContext:
    """The parts of the daemon that use cases act upon.

    ``subscriptions`` are those of one project or all, the furthest behind first. ``couriers`` and ``destinations``
    give them as they are now, by name (they change on reload). ``audit`` is told of each change. ``stopping`` is set
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
    audit: AuditTrail | None = None
    subscriptions: Callable[[Project | None], Awaitable[Sequence[SubscriptionState]]] = no_subscriptions
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: set[object] = field(default_factory=set)
    entropy: Entropy = os.urandom
    release: str = ""

    async def note(
        self,
        by: Requester,
        what: str,
        target: str = "",
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        done: bool = True,
    ) -> None:
        """Put on the audit trail what whoever asked did."""
        if self.audit is None:
            return
        entry = AuditEntry(
            what=what,
            who=by.who,
            address=by.address,
            target=target,
            outcome="done" if done else "refused",
            before=dict(before or {}),
            after=dict(after or {}),
        )
        await self.audit.note(entry)
