"""The daemon as a record of its parts: build.py builds it, daemon.py runs it, web_assembly.py shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.app.maintenance import Sweeper
from bridge.app.readiness import Readiness
from bridge.app.reload import Reloader
from bridge.app.rule_changes import RuleChanges
from bridge.app.server import HttpServer
from bridge.canary.canaries import Canaries
from bridge.chat.listeners import Listeners
from bridge.core.audit import AuditTrail
from bridge.core.poison import PoisonGuard
from bridge.core.supervisor import Supervisor
from bridge.core.tracing import Tracer
from bridge.delivery.couriers import Couriers
from bridge.destinations.base import Destination
from bridge.destinations.buttons import Buttons
from bridge.front.connection_table import ConnectionTable
from bridge.observe.clock_guard import ClockGuard
from bridge.observe.condition import DaemonCondition
from bridge.observe.metrics import Metrics
from bridge.observe.recent_activity import RecentActivity
from bridge.operate.search_filling import SearchFilling
from bridge.push.http import PushHttp
from bridge.push.pushers import Pushers
from bridge.routing.active_config import ActiveConfig
from bridge.routing.fellow_nodes import FellowNodes
from bridge.routing.ledger import TopicBooks, books
from bridge.routing.routers import Routers, full_names
from bridge.settings.model import Settings
from bridge.sources.pulls import PullWorkers
from broker.broker import Broker
from broker.clock import Clock
from broker.store import Store


@dataclass(frozen=True, slots=True)
class Daemon:
    """All parts, built and ready to run. ``destinations`` are those that the couriers begin with."""

    settings: Settings
    broker: Broker
    in_force: ActiveConfig
    supervisor: Supervisor
    destinations: Mapping[str, Destination]
    couriers: Couriers
    canaries: Canaries
    listeners: Listeners
    routers: Routers
    pulls: PullWorkers
    push_http: PushHttp
    pushers: Pushers
    readiness: Readiness
    clock_guard: ClockGuard
    guard: PoisonGuard
    audit: AuditTrail
    condition: DaemonCondition
    sweeper: Sweeper
    metrics: Metrics
    lately: RecentActivity
    reloader: Reloader
    rule_changes: RuleChanges
    fellows: FellowNodes
    buttons: Buttons
    connections: ConnectionTable
    tracer: Tracer | None = None
    search: SearchFilling | None = None
    servers: list[HttpServer] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def clock(self) -> Clock:
        """The clock that everything here asks."""
        return self.broker.clock

    @property
    def store(self) -> Store:
        """Where everything lies that lasts."""
        return self.broker.store

    async def books(self) -> list[TopicBooks]:
        """The books of every topic."""
        names = {uid: name for uid, (name, _) in full_names(self.broker).items()}
        return await books(self.store, names)
