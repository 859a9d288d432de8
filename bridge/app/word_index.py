"""The worker that fills the index of words, as the settings want it."""

from __future__ import annotations

from typing import Final

from bridge.operate.search_filling import SearchFilling
from bridge.routing.active_config import ActiveConfig
from bridge.settings.model import Settings
from broker.broker import Broker
from broker.engines import is_postgres

_SETTLES_S: Final = 5.0
"""Several nodes number deliveries by themselves; by then they have."""


def make_search_filling(settings: Settings, broker: Broker, in_force: ActiveConfig) -> SearchFilling | None:
    """What fills the index, or None where none is kept."""
    if not settings.search:
        return None
    return SearchFilling(
        broker,
        in_force,
        broker.clock,
        messages_s=settings.retention.messages,
        deliveries_s=settings.retention.deliveries,
        settles_s=_SETTLES_S if is_postgres(settings.store) else 0.0,
    )
