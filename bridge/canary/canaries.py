"""All canaries of the daemon: one worker for each destination that has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.canary.canary import Canary
from bridge.canary.read_back import ChannelReader, channel_of
from bridge.canary.state import CanaryState
from bridge.core.supervisor import Supervisor
from bridge.delivery.couriers import DestinationRoute
from bridge.destinations.canary_settings import CanarySettings
from bridge.destinations.config import DestinationConfig
from bridge.settings.canary_checks import canary_of, reader_of
from broker.clock import US_PER_S, Clock
from broker.store import Store
from broker.tokens import Entropy


class Canaries:
    """Keeps a canary at work for each destination that asks for one."""

    def __init__(
        self,
        store: Store,
        routes: Callable[[], Mapping[str, DestinationRoute]],
        supervisor: Supervisor,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._routes = routes
        self._supervisor = supervisor
        self._clock = clock
        self._entropy = entropy
        self._at_work: dict[str, Canary] = {}

    @property
    def standings(self) -> Sequence[CanaryState]:
        """The state of each canary, in the order of the settings."""
        return [canary.standing for canary in self._at_work.values()]

    def start(self, configs: Mapping[str, DestinationConfig]) -> None:
        """Begin the canaries, or go on where the store says that they were."""
        for name, config in configs.items():
            settings = canary_of(config)
            if settings is None:
                continue
            reader = partial(self._reader, name, settings, channel_of(config))
            canary = Canary(name, settings, self._store, reader, self._clock, self._entropy)
            self._at_work[name] = canary
            self._supervisor.start(f"canary:{name}", canary.run, on_one_node=True)

    async def stop(self) -> None:
        """End all canaries, wherever they are: what they know is in the store."""
        for name in list(self._at_work):
            await self._supervisor.stop(f"canary:{name}")
            del self._at_work[name]

    def _reader(self, name: str, settings: CanarySettings, channel: str) -> ChannelReader | None:
        from bridge.destinations.mattermost.bot import MattermostBot  # kinds are read where something asks for them

        route = self._routes().get(reader_of(name, settings))
        if route is None or not isinstance(route.destination, MattermostBot):
            return None
        return ChannelReader(route.destination, channel, self._clock)


class CanaryMetrics(Collector):
    """What Prometheus is told of canaries, as they stand when it asks."""

    def __init__(self, standings: Callable[[], Sequence[CanaryState]], clock: Clock) -> None:
        self._standings = standings
        self._clock = clock

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        ok = GaugeMetricFamily(
            "ams_bridge_canary_ok", "1 when the last canary arrived, 0 when it failed", labels=["destination"]
        )
        age = GaugeMetricFamily(
            "ams_bridge_canary_last_ok_age_seconds", "Time since a canary arrived", labels=["destination"]
        )
        runs = CounterMetricFamily(
            "ams_bridge_canary_runs", "Canaries watched to their end", labels=["destination", "outcome"]
        )
        for state in self._standings():
            if state.verdict:
                ok.add_metric([state.destination], state.verdict == "ok")
            if state.last_ok_us:
                age.add_metric([state.destination], max(0.0, (self._clock.wall_us() - state.last_ok_us) / US_PER_S))
            runs.add_metric([state.destination, "arrived"], state.arrived)
            runs.add_metric([state.destination, "failed"], state.failed)
        return [ok, age, runs]
