"""What Prometheus is told of connections, as they stand when it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.front.connection_table import ConnectionTable
from bridge.front.http_refusals import Reason


class ConnectionMetrics(Collector):
    """Open connections, how many may be, and what was refused before the app saw it."""

    def __init__(self, table: ConnectionTable) -> None:
        self._table = table

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        refused = CounterMetricFamily(
            "ams_bridge_http_refused", "Requests and connections refused by the front", labels=["reason"]
        )
        for reason in get_args(Reason):  # those that did not happen too: a counter that begins at 1 shows no increase
            refused.add_metric([reason], self._table.refusals.counts.get(reason, 0))
        opened = GaugeMetricFamily("ams_bridge_http_connections", "Connections open now", value=self._table.open)
        most = GaugeMetricFamily(
            "ams_bridge_http_connections_limit", "Connections that may be open", value=self._table.limits.connections
        )
        return [refused, opened, most]
