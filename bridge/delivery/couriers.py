"""All couriers of the daemon: one worker per destination, begun and ended as the settings change."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bridge.core.supervisor import Supervisor
from bridge.core.tls_settings import digest_tls
from bridge.delivery.attempts import AttemptResult
from bridge.delivery.collapse.worker import Collapsed
from bridge.delivery.courier import Courier
from bridge.delivery.handover import Handover
from bridge.destinations.base import Destination
from bridge.destinations.config import DestinationConfig
from bridge.destinations.destination_kinds import KINDS, Tools
from bridge.destinations.inbound import Inbound, InboundConfig
from bridge.sources.set_aside import INBOUND
from broker.store import Store
from rules.model import DestinationFacts

if TYPE_CHECKING:
    from bridge.delivery.traced_destination import DeliveryTraces

log = structlog.get_logger("couriers")


@dataclass(frozen=True, slots=True)
class DestinationRoute:
    """A destination with its settings and the courier that writes to it."""

    config: DestinationConfig
    destination: Destination
    courier: Courier


class Couriers:
    """Builds destinations from settings and keeps a courier at work for each."""

    def __init__(
        self,
        store: Store,
        tools: Tools,
        supervisor: Supervisor,
        rng: random.Random,
        drain_s: float,
        notify: Callable[[AttemptResult], None],
        told_folded: Callable[[Collapsed], None] = lambda folded: None,
        traces: DeliveryTraces | None = None,
    ) -> None:
        self._store = store
        self._tools = tools
        self._supervisor = supervisor
        self._rng = rng
        self._drain_s = drain_s
        self._notify = notify
        self._told_folded = told_folded
        self._traces = traces
        self._routes: dict[str, DestinationRoute] = {}
        self._own: dict[str, DestinationRoute] = {}
        self._tls_digests: dict[str, bytes] = {}

    @property
    def routes(self) -> Mapping[str, DestinationRoute]:
        """The destinations at work, by name."""
        return self._routes

    def kinds(self) -> dict[str, str]:
        """Destination names and their kinds."""
        return {name: route.config.type for name, route in self._routes.items()}

    def build(self, configs: Mapping[str, DestinationConfig]) -> dict[str, Destination]:
        """The destinations of ``configs`` that are new or changed, ready but not at work. Raises what a kind raises."""
        changed = {name: config for name, config in configs.items() if not self._is_at_work(name, config)}
        return {name: KINDS[config.type].build(name, config, self._tools) for name, config in changed.items()}

    async def swap(self, configs: Mapping[str, DestinationConfig], built: Mapping[str, Destination]) -> None:
        """Put ``configs`` to work: end couriers that are gone or changed, begin those in ``built``."""
        for name in [name for name in self._routes if name not in configs or name in built]:
            await self._end(name)
        for name, destination in built.items():
            self._routes[name] = self._begin(name, configs[name], destination)

    def keep_room(self, deliveries: Mapping[str, int]) -> Handover:
        """The room that couriers keep for what a commit brings: how many deliveries, by destination."""
        asked = [(self._routes[name].courier, count) for name, count in deliveries.items() if name in self._routes]
        kept = [(courier, courier.keep_room(count)) for courier, count in asked]
        return Handover([(courier, request) for courier, request in kept if request is not None])

    def start_inbound(self) -> None:
        """Keep a courier for what is replayed of messages that were put aside; it is no destination of the settings."""
        if self._tools.topics is not None and INBOUND not in self._own:
            config = InboundConfig()
            inbound = Inbound(INBOUND, config, self._tools.topics, self._tools.clock)
            self._own[INBOUND] = self._begin(INBOUND, config, inbound)

    async def stop(self) -> None:
        """End all couriers, letting tries under way finish; all at once, so it lasts as long as one of them."""
        await asyncio.gather(*(self._end(name) for name in list(self._routes)))
        for name in list(self._own):
            await self._finish(name, self._own.pop(name))

    def _begin(self, name: str, config: DestinationConfig, destination: Destination) -> DestinationRoute:
        courier = Courier(
            name,
            destination if self._traces is None else self._traces.wrap(name, destination),
            config,
            self._store.outbox,
            self._tools.clock,
            self._rng,
            self._notify,
            self._told_folded,
            self._tools.guard,
        )
        self._supervisor.start(f"courier:{name}", courier.run, on_one_node=True)
        self._tls_digests[name] = digest_tls(config)
        return DestinationRoute(config, destination, courier)

    async def _end(self, name: str) -> None:
        await self._finish(name, self._routes.pop(name))

    async def _finish(self, name: str, route: DestinationRoute) -> None:
        await route.courier.stop(self._drain_s)
        await self._supervisor.stop(f"courier:{name}")
        try:
            await route.destination.close()
        except Exception as error:  # whatever a driver does at its end, the others are still to begin
            log.error("a destination did not close well", destination=name, exc_info=error)

    def _is_at_work(self, name: str, config: DestinationConfig) -> bool:
        """Whether it is at work as ``config`` says, with the certificates that stand in its files now."""
        route = self._routes.get(name)
        return route is not None and route.config == config and self._tls_digests.get(name) == digest_tls(config)


def facts_of(configs: Mapping[str, DestinationConfig], tools: Tools) -> dict[str, DestinationFacts]:
    """What rules may know of destinations that are not at work: for checks of files."""
    return {name: KINDS[config.type].build(name, config, tools).facts for name, config in configs.items()}
