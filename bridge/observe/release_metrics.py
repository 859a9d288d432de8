"""What Prometheus is told of the process itself: which release runs, and since when."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from broker.clock import US_PER_S, Clock


class ReleaseMetrics(Collector):
    """The release that runs, and when it was started by the wall clock as it stood then."""

    def __init__(self, release: str, clock: Clock) -> None:
        self._release = release
        self._started_s = clock.wall_us() / US_PER_S

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        info = GaugeMetricFamily(
            "ams_bridge_build_info", "1, with the release and its Python as labels", labels=["version", "python"]
        )
        info.add_metric([self._release, platform.python_version()], 1)
        started = GaugeMetricFamily(
            "ams_bridge_start_time_seconds", "When the daemon was started, since 1970", value=self._started_s
        )
        return [info, started]
