"""What Prometheus is told of calendars: how old the copy is that counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bridge.routing.calendar_reading import CalendarAge


class CalendarMetrics(Collector):
    """The ages of calendars at URLs; one that was never read has none."""

    def __init__(self, list_ages: Callable[[], Sequence[CalendarAge]]) -> None:
        self._list_ages = list_ages

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        family = GaugeMetricFamily(
            "ams_bridge_calendar_age_seconds", "Since a calendar was last read from its URL", labels=["calendar"]
        )
        for age in self._list_ages():
            if age.age_s is not None:
                family.add_metric([age.name], age.age_s)
        return [family]
