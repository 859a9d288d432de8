"""Steady time: what a store compares its stamps with, whatever the wall clock does.

It runs with monotonic time and is what the wall clock would say had nobody ever set it: wall time less ``offset_us``,
the sum of all steps seen. Each look notices a step by itself, so nothing is compared with a clock that was just set.
Over restarts the store keeps a mark of both clocks; within one run of the machine the time between is known exactly.
See docs/decisions/0015-the-clock-is-asked-whether-it-can-be-right.md.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.clock import LEAST_STEP_US, US_PER_S, Clock, Moment, moment_of, step_between

LONGEST_GAP_US: Final = 86_400 * US_PER_S
"""How long a stop may have lasted for which only the wall clock vouches; what is longer counts as no time at all."""

_KEPT_STEPS: Final = 100

Cause: TypeAlias = Literal["running", "stopped", "gap"]
"""When the clock was set: under our eyes, or while nothing ran; a ``gap`` is a stop too long to believe a clock in."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was set: it said ``before_us`` where it now said ``after_us``."""

    before_us: int
    after_us: int
    cause: Cause

    @property
    def size_us(self) -> int:
        """How far: forward above 0, back below."""
        return self.after_us - self.before_us


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the clock: wall time, and how far it is from steady time."""

    wall_us: int
    offset_us: int
    monotonic_us: int

    @property
    def moment(self) -> Moment:
        """What both clocks said."""
        return Moment(self.wall_us, self.monotonic_us)

    @property
    def steady_us(self) -> int:
        """Steady time: what stored stamps compare with."""
        return self.wall_us - self.offset_us

    def as_told_at(self, told_at: Moment | None) -> Reading:
        """The same time as the wall clock tells it that stood at ``told_at``; None is the one that stands now."""
        step_us = 0 if told_at is None else step_between(told_at, self.moment)
        return Reading(self.wall_us - step_us, self.offset_us - step_us, self.monotonic_us)

    def steady_of(self, wall_us: int) -> int:
        """A time told by the wall clock as it stands now, in steady time; 0 is never, and stays."""
        return wall_us - self.offset_us if wall_us else 0

    def wall_of(self, steady_us: int) -> int:
        """A steady time as the wall clock stands now; 0 is never, and stays."""
        return steady_us + self.offset_us if steady_us else 0


@dataclass(frozen=True, slots=True)
class ClockMark:
    """What a store keeps of the clocks, so that the next process knows what happened to them meanwhile."""

    boot: int
    monotonic_us: int
    wall_us: int
    offset_us: int
    newest_us: int


class SteadyTime:
    """The steady time of one store. May be asked from any thread."""

    def __init__(self, clock: Clock, offset_us: int = 0, newest_us: int = 0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = moment_of(clock)
        self._offset_us = offset_us
        self._newest_us = max(newest_us, self._last.wall_us)
        self._steps: list[ClockStep] = []

    def read(self) -> Reading:
        """Look at the clock; a step since the last look is noticed, and steady time goes on as if it were none."""
        with self._lock:
            now = moment_of(self._clock)
            step_us = step_between(self._last, now)
            if step_us:
                self.note(ClockStep(now.wall_us - step_us, now.wall_us, "running"))
            self._last = now
            self._newest_us = max(self._newest_us, now.wall_us)
            return Reading(now.wall_us, self._offset_us, now.monotonic_us)

    def note(self, step: ClockStep) -> None:
        """Take a step into account that somebody else noticed."""
        self._offset_us += step.size_us
        self._steps = [*self._steps, step][-_KEPT_STEPS:]

    def take_steps(self) -> list[ClockStep]:
        """The steps noticed since this was last asked, oldest first."""
        self.read()
        with self._lock:
            taken, self._steps = self._steps, []
            return taken

    def behind_us(self) -> int:
        """How far the wall clock stands before the newest time it ever told this store; 0 when it does not."""
        wall_us = self.read().wall_us
        behind_us = self._newest_us - wall_us
        return behind_us if behind_us >= LEAST_STEP_US else 0

    def mark(self) -> ClockMark:
        """What to keep for the next process."""
        reading = self.read()
        return ClockMark(
            boot_number(self._clock), self._last.monotonic_us, reading.wall_us, reading.offset_us, self._newest_us
        )


def resume(clock: Clock, mark: ClockMark | None, newest_steady_us: int, newest_us: int) -> SteadyTime:
    """Steady time as it goes on in another process.

    ``newest_steady_us`` is the newest steady time in the store, which nothing can be before; ``newest_us`` the newest
    wall time in it.
    """
    if mark is None:
        steady = SteadyTime(clock, 0, newest_us)
    else:
        steady, now = SteadyTime(clock, mark.offset_us, max(newest_us, mark.newest_us)), moment_of(clock)
        step = _step_since(mark, boot_number(clock), now)
        if step is not None:
            steady.note(step)
        newest_steady_us = max(newest_steady_us, mark.wall_us - mark.offset_us)
    reading = steady.read()
    behind_us = newest_steady_us - reading.steady_us
    if behind_us >= LEAST_STEP_US:
        steady.note(ClockStep(reading.wall_us + behind_us, reading.wall_us, "stopped"))
    return steady


def boot_number(clock: Clock) -> int:
    """The run of the machine as a number; 0 when nobody knows."""
    boot = clock.boot()
    return int.from_bytes(hashlib.sha256(boot.encode()).digest()[:6]) if boot else 0


def _step_since(mark: ClockMark, boot: int, now: Moment) -> ClockStep | None:
    if boot and boot == mark.boot and now.monotonic_us >= mark.monotonic_us:
        step_us = step_between(Moment(mark.wall_us, mark.monotonic_us), now)
        return ClockStep(now.wall_us - step_us, now.wall_us, "stopped") if step_us else None
    gap_us = now.wall_us - mark.wall_us
    if gap_us <= -LEAST_STEP_US:
        return ClockStep(mark.wall_us, now.wall_us, "stopped")
    return ClockStep(mark.wall_us, now.wall_us, "gap") if gap_us > LONGEST_GAP_US else None
