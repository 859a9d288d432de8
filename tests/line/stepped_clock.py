"""A wall clock that a test sets while the daemon runs: an offset in a small file, which both map into memory.

Only the wall clock moves. Monotonic time stays the machine's, as it does when a clock is set by hand or by NTP. Beside
the offset stands how often the machine was booted anew: a daemon started after that has only the wall clock to go by.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from broker.clock import SystemClock, us

_OFFSET_AND_BOOTS = struct.Struct("<qq")


class SteppedClock:
    """The clock of a daemon process that runs ``prelude`` first."""

    def __init__(self, file: Path) -> None:
        self.offset_s = 0.0
        self._boots = 0
        self.prelude = f"from tests.line.stepped_clock import follow; follow({str(file)!r}); "
        file.write_bytes(_OFFSET_AND_BOOTS.pack(0, 0))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), _OFFSET_AND_BOOTS.size)

    def step(self, seconds: float) -> None:
        """Set the clock, forward or back; the daemon's next look sees it, and so does a daemon started later."""
        self.offset_s += seconds
        self._write()

    def reboot(self) -> None:
        """The machine boots anew; only while the daemon does not run."""
        self._boots += 1
        self._write()

    def close(self) -> None:
        self._page.close()

    def _write(self) -> None:
        _OFFSET_AND_BOOTS.pack_into(self._page, 0, us(self.offset_s), self._boots)


def follow(file: str) -> None:
    """Let the clock of this process be ahead by what stands in ``file``, whenever it is asked."""
    with Path(file).open("rb") as opened:
        page = mmap.mmap(opened.fileno(), _OFFSET_AND_BOOTS.size, access=mmap.ACCESS_READ)
    machine_wall_us, machine_boot = SystemClock.wall_us, SystemClock.boot

    def wall_us(self: SystemClock) -> int:
        offset_us: int = _OFFSET_AND_BOOTS.unpack_from(page)[0]
        return machine_wall_us(self) + offset_us

    def boot(self: SystemClock) -> str:
        boots: int = _OFFSET_AND_BOOTS.unpack_from(page)[1]
        return f"{machine_boot(self)} {boots}"

    SystemClock.wall_us = wall_us  # type: ignore[method-assign]
    SystemClock.boot = boot  # type: ignore[method-assign]
