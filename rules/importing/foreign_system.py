"""Systems whose configurations are read: what their remarks and files call things, and what shows their alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ForeignSystem:
    """A system that routes alerts by a tree: ``word`` is its name in commands, sources and paths."""

    word: str
    title: str
    template: str
    """The shipped template that shows one of its alerts."""


ALERTMANAGER: Final = ForeignSystem("alertmanager", "Alertmanager", "alertmanager/alert")
GRAFANA: Final = ForeignSystem("grafana", "Grafana", "grafana/alert")
