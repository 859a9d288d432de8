"""The parts of bridge.yaml that all nodes of a store have alike, as sums that are compared."""

from __future__ import annotations

from typing import Final

from bridge.routing.fellow_nodes import sum_under
from bridge.settings.model import Settings

_SHARED: Final = (
    "destinations",
    "removed",
    "sources",
    "projects",
    "retention",
    "push",
    "intervals",
    "rota",
    "calendars",
)


def sum_settings(settings: Settings, key: bytes) -> dict[str, str]:
    """A sum for each part, under the sealing key; secrets are not in it."""
    return {name: sum_under(key, repr(getattr(settings, name)).encode(errors="replace")) for name in _SHARED}
