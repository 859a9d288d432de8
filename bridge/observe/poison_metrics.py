"""What Prometheus is told of the poison guard."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bridge.core.poison import PoisonGuard


class PoisonMetrics(Collector):
    """What Prometheus is told of the guard, as it stands when it asks."""

    def __init__(self, guard: PoisonGuard) -> None:
        self._guard = guard

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        return [
            GaugeMetricFamily(
                "ams_bridge_set_aside",
                "Messages, timers and deliveries of the last day left alone, as the daemon stopped twice at them",
                value=len(self._guard.list_set_aside()),
            )
        ]
