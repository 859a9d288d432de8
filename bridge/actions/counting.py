"""The one counter of clicks, on the daemon's page of metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter


def click_counter(registry: CollectorRegistry) -> Callable[[str, str], None]:
    """Counts a click by its action ("" when nobody can tell which) and what became of it. Once for a registry."""
    clicks = Counter(
        "ams_bridge_button_clicks", "Clicks on chat buttons by outcome", ["action", "outcome"], registry=registry
    )

    def count(action: str, outcome: str) -> None:
        clicks.labels(action, outcome).inc()

    return count
