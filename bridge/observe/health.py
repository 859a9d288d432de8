"""Health: alive (``/healthz``), ready (``/readyz``), and what is degraded, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.canary.state import CanaryVerdict
from bridge.core.supervisor import Worker


@dataclass(frozen=True, slots=True)
class CanaryHealth:
    """How the canary of a destination stands; ``text`` is a line for people."""

    verdict: CanaryVerdict
    text: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The daemon's health: ready or not, why, what is degraded, and every worker.

    ``reason`` says why it is not ready; ``degraded`` what is not as the files say.
    """

    ready: bool
    reason: str
    degraded: str
    workers: Mapping[str, Worker]
    canaries: Mapping[str, CanaryHealth] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The body of /healthz and /readyz."""
        workers = {
            name: {"state": worker.state, "restarts": worker.restarts, "reason": worker.reason}
            for name, worker in self.workers.items()
        }
        canaries = {name: {"verdict": health.verdict, "text": health.text} for name, health in self.canaries.items()}
        fields = {"ready": self.ready, "reason": self.reason, "degraded": self.degraded, "workers": workers}
        return fields | ({"canaries": canaries} if canaries else {})
