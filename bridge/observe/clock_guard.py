"""The clock guard: tells when somebody set the wall clock, and while it stands before what it told already.

What waits needs no guard to be right: the store counts in steady time (broker/steady.py) and notices a step whenever it
is asked. The guard looks each second, so that a step is noticed where nothing happens, keeps on record what both clocks
say, tells people and Prometheus, and lets what hours and silences kept quiet be looked at by the clock that stands now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from broker.clock import US_PER_S, Clock
from broker.steady import ClockStep
from broker.store import Store
from rules.source.words import duration_text

_EVERY_S: Final = 1.0

log = structlog.get_logger("clock")


class ClockGuard(Collector):
    """Watches the wall clock of one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._steps: list[ClockStep] = []  # noticed, and not yet told
        self._count = 0
        self._last_s = 0.0
        self._was_behind = False

    async def follow(self, notify: Callable[[ClockStep], Awaitable[None]]) -> None:
        """Look each second, for ever; ``notify`` hears of each step, again if it raises StoreError. Raises that."""
        while True:
            await self.look(notify)
            await self._clock.sleep(_EVERY_S)

    async def look(self, notify: Callable[[ClockStep], Awaitable[None]]) -> None:
        """Tell of steps since the last look, and keep what both clocks say. Raises StoreError; nothing is forgotten."""
        for step in self._store.steady.take_steps():
            self._steps.append(step)
            self._note(step)
        while self._steps:
            await notify(self._steps[0])
            self._steps.pop(0)
        await self._store.keep_time()
        is_behind = bool(self._store.steady.behind_us())
        if self._was_behind and not is_behind:
            log.info("the clock has caught up with the newest time in the store")
        self._was_behind = is_behind

    def explain(self) -> str:
        """Why the daemon is degraded by its clock, or "" when it is not."""
        behind_us = self._store.steady.behind_us()
        if not behind_us:
            return ""
        newest = _text(self._clock.wall_us() + behind_us)
        return (
            f"the clock stands {_size(behind_us)} before the newest time it told, {newest}: it was set back, or it was "
            "ahead before; new messages bear that newest time until the clock has caught up"
        )

    def collect(self) -> Iterable[Metric]:
        """The metrics of the clock guard, for Prometheus."""
        yield CounterMetricFamily("ams_bridge_clock_steps", "How often the wall clock was set", value=self._count)
        yield GaugeMetricFamily(
            "ams_bridge_clock_step_seconds", "The last step of the wall clock, back below 0", value=self._last_s
        )
        behind_s = self._store.steady.behind_us() / US_PER_S
        yield GaugeMetricFamily(
            "ams_bridge_clock_behind_seconds", "How far the clock stands before its newest time", value=behind_s
        )

    def _note(self, step: ClockStep) -> None:
        times = {"before": _text(step.before_us), "after": _text(step.after_us), "by_s": step.size_us / US_PER_S}
        if step.cause == "gap":
            log.info("the store was not used for long, or the clock was set; that time is not counted", **times)
            return
        self._count += 1
        self._last_s = step.size_us / US_PER_S
        log.warning(f"the wall clock was set {_way(step)} while we were {step.cause}; what waits goes on", **times)


def _way(step: ClockStep) -> str:
    return f"{'forward' if step.size_us > 0 else 'back'} by {_size(step.size_us)}"


def _size(size_us: int) -> str:
    return duration_text(abs(size_us) // US_PER_S)


def _text(at_us: int) -> str:
    try:
        return datetime.fromtimestamp(at_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{at_us} us"  # a clock may say anything
