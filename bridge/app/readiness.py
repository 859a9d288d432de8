"""Whether the daemon is ready, kept up to date by one worker, so that asking costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bridge.canary.state import CanaryState
from bridge.core.supervisor import Supervisor
from bridge.observe.health import CanaryHealth, HealthReport
from bridge.routing.active_config import ActiveConfig
from broker.clock import Clock
from broker.model import Health
from broker.store import Store

_EVERY_S = 1.0

log = structlog.get_logger("readiness")


class Readiness:
    """Asks the store each second, and tells what it last said. ``also_degraded`` are asked what else is degraded."""

    def __init__(
        self,
        store: Store,
        in_force: ActiveConfig,
        supervisor: Supervisor,
        clock: Clock,
        canaries: Callable[[], Sequence[CanaryState]] = tuple,
        also_degraded: Sequence[Callable[[], str]] = (),
    ) -> None:
        self._store = store
        self._in_force = in_force
        self._supervisor = supervisor
        self._clock = clock
        self._canaries = canaries
        self._also_degraded = also_degraded
        self._health = Health(writable=True)
        self.stopping = False

    async def follow(self) -> None:
        """Ask the store each second, for ever."""
        while True:
            self._take(await self._store.health())
            await self._clock.sleep(_EVERY_S)

    def _take(self, health: Health) -> None:
        """Keep what the store said, and log what is new of it."""
        for note in health.notes:
            if note not in self._health.notes:
                log.warning("the store was opened, but", note=note)
        if health.writable != self._health.writable:
            if health.writable:
                log.info("the store takes writes again")
            else:
                log.error("the store takes no writes", reason=health.reason)
        self._health = health

    def report(self) -> HealthReport:
        """The daemon's health as it stands."""
        reason = "" if self._health.writable else f"the store takes no writes: {self._health.reason}"
        if self.stopping:
            reason = "the daemon is stopping"
        texts = [self._in_force.degraded, *(describe() for describe in self._also_degraded), *self._health.notes]
        return HealthReport(
            ready=not reason,
            reason=reason,
            degraded="\n".join(filter(None, texts)),
            workers=self._supervisor.health(),
            canaries={
                canary.destination: CanaryHealth(canary.verdict, canary.describe(self._clock.wall_us()))
                for canary in self._canaries()
            },
        )
