"""The only file that asks what time it is.

Everything that waits or stamps takes a Clock, so tests move time by hand and no test sleeps
(semantics.md item 6). Real socket timeouts are exempt: they belong to the network, not to us.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

US_PER_S = 1_000_000

LEAST_STEP_US: Final = US_PER_S
"""What wall and monotonic time may differ by before the wall clock counts as set: less is how clocks are kept right."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_READ_WITHIN_S: Final = 0.1
_READ_TRIES: Final = 5


def us(seconds: float) -> int:
    """A duration in seconds as whole microseconds."""
    return round(seconds * US_PER_S)


class Clock(Protocol):
    """What time it is, and how to wait for it."""

    def wall_us(self) -> int:
        """Microseconds since the Unix epoch, UTC. May jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds since some start; never goes back. For measuring durations."""

    def boot(self) -> str:
        """Which run of the machine ``monotonic`` counts in, or "" when nobody knows.

        Two processes that say the same, and not "", may compare their monotonic times.
        """

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``; at once (but after others had a turn) for 0 or less."""

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError out of the block once ``seconds`` have passed; None never does."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What both clocks said at one time."""

    wall_us: int
    monotonic_us: int


def moment_of(clock: Clock) -> Moment:
    """Both clocks now, read within a tenth of a second where the machine lets us."""
    for _ in range(_READ_TRIES):
        before, wall_us, after = clock.monotonic(), clock.wall_us(), clock.monotonic()
        if after - before < _READ_WITHIN_S:
            break
    return Moment(wall_us, us(after))


def step_between(earlier: Moment, later: Moment) -> int:
    """By how many microseconds the wall clock was set between two moments: above 0 forward, below back, 0 not at all.

    Only moments of one run of the machine compare.
    """
    step_us = (later.wall_us - earlier.wall_us) - (later.monotonic_us - earlier.monotonic_us)
    return step_us if abs(step_us) >= LEAST_STEP_US else 0


class SystemClock:
    """The machine's own time."""

    def wall_us(self) -> int:
        """See Clock."""
        return time.time_ns() // 1000  # noqa: TID251 - this file is where time is asked

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()  # noqa: TID251

    def boot(self) -> str:
        """See Clock."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""  # not Linux, or hidden: then nobody knows

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(max(seconds, 0))  # noqa: TID251

    @staticmethod
    def pause(seconds: float) -> None:
        """Block this thread for ``seconds``: for command-line programs without an event loop."""
        time.sleep(seconds)

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[object]:
        """See Clock."""
        return asyncio.timeout(seconds)  # noqa: TID251


class ManualClock:
    """Time that stands still until a test moves it.

    ``advance`` wakes sleepers in the order of their times, giving the loop turns in between so that
    what a woken sleeper starts is seen before time goes on. It moves both times; ``step`` sets the wall clock alone.
    It belongs to one event loop at a time.
    """

    _boots = itertools.count()

    def __init__(self, start_us: int = 1_767_225_600_000_000) -> None:
        self._start_us = start_us
        self._elapsed_us = 0
        self._booted_us = 0
        self._boot = next(self._boots)
        self._order = itertools.count()
        self._alarms: list[tuple[int, int, asyncio.Future[None]]] = []

    def wall_us(self) -> int:
        """See Clock."""
        return self._start_us + self._elapsed_us

    def monotonic(self) -> float:
        """See Clock."""
        return (self._elapsed_us - self._booted_us) / US_PER_S

    def boot(self) -> str:
        """See Clock."""
        return f"manual-{self._boot}"

    def step(self, seconds: float) -> None:
        """Set the wall clock, forward or back; monotonic time knows nothing of it, and nobody wakes."""
        self._start_us += us(seconds)

    def reboot(self) -> None:
        """Let monotonic time begin anew, as in another run of the machine. Nobody may be sleeping."""
        self._booted_us = self._elapsed_us
        self._boot = next(self._boots)

    @property
    def sleepers(self) -> int:
        """How many sleeps and timeouts are waiting for time to move."""
        return sum(1 for _, _, alarm in self._alarms if not alarm.done())

    def next_alarm_s(self) -> float | None:
        """Seconds until the earliest sleep or timeout ends, or None when nothing waits."""
        pending = [at_us for at_us, _, alarm in self._alarms if not alarm.done()]
        return (min(pending) - self._elapsed_us) / US_PER_S if pending else None

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251
            return
        await self._alarm_in(seconds)

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        """See Clock."""
        async with asyncio.timeout(None) as scope:  # noqa: TID251
            if seconds is None:
                yield
                return
            loop = asyncio.get_running_loop()
            alarm = self._alarm_in(seconds)
            alarm.add_done_callback(lambda done: None if done.cancelled() else scope.reschedule(loop.time()))
            try:
                yield
            finally:
                alarm.cancel()

    async def advance(self, seconds: float, *, turns: int = 20) -> None:
        """Move time on by ``seconds``, waking whoever waits on the way; ``turns`` of the loop after each waking."""
        target_us = self._elapsed_us + us(seconds)
        await self._give_turns(turns)
        while self._alarms and self._alarms[0][0] <= target_us:
            at_us, _, alarm = heapq.heappop(self._alarms)
            if alarm.done():
                continue
            self._elapsed_us = max(self._elapsed_us, at_us)
            alarm.set_result(None)
            await self._give_turns(turns)
        self._elapsed_us = target_us
        await self._give_turns(turns)

    def _alarm_in(self, seconds: float) -> asyncio.Future[None]:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self._elapsed_us + us(seconds), next(self._order), alarm))
        return alarm

    @staticmethod
    async def _give_turns(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)  # noqa: TID251
