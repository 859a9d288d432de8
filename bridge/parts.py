"""The daemon as a record of its parts: assembly.py builds it, daemon.py runs it, web_assembly.py shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.actions.buttons import Buttons
from bridge.canary.canaries import Canaries
from bridge.couriers import Couriers
from bridge.current import InForce
from bridge.destinations.base import Destination
from bridge.lately import Lately
from bridge.ledger import TopicBooks, books
from bridge.listening.listeners import Listeners
from bridge.observe.metrics import Metrics
from bridge.poison import PoisonGuard
from bridge.pulls import Pulls
from bridge.push_http import PushHttp
from bridge.pushers import Pushers
from bridge.readiness import Readiness
from bridge.reload import Reloader
from bridge.routers import Routers, full_names
from bridge.server import HttpServer
from bridge.settings import Settings
from bridge.supervisor import Supervisor
from bridge.sweeper import Sweeper
from broker.broker import Broker
from broker.clock import Clock
from broker.store import Store


@dataclass(frozen=True, slots=True)
class Daemon:
    """All parts, built and ready to run. ``destinations`` are those that the couriers begin with."""

    settings: Settings
    clock: Clock
    store: Store
    broker: Broker
    in_force: InForce
    supervisor: Supervisor
    destinations: Mapping[str, Destination]
    couriers: Couriers
    canaries: Canaries
    listeners: Listeners
    routers: Routers
    pulls: Pulls
    push_http: PushHttp
    pushers: Pushers
    readiness: Readiness
    guard: PoisonGuard
    sweeper: Sweeper
    metrics: Metrics
    lately: Lately
    reloader: Reloader
    buttons: Buttons
    servers: list[HttpServer]
    stopping: asyncio.Event

    async def books(self) -> list[TopicBooks]:
        """The books of every topic."""
        names = {uid: name for uid, (name, _) in full_names(self.broker).items()}
        return await books(self.store, names)
