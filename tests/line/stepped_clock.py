"""A wall clock that a test sets while the daemon runs: an offset in a small file, which both map into memory.

Only the wall clock moves. Monotonic time stays the machine's, as it does when a clock is set by hand or by NTP.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from broker.clock import SystemClock, us

_OFFSET = struct.Struct("<q")


class SteppedClock:
    """The clock of a daemon process that runs ``prelude`` first."""

    def __init__(self, file: Path) -> None:
        self.offset_s = 0.0
        self.prelude = f"from tests.line.stepped_clock import follow; follow({str(file)!r}); "
        file.write_bytes(_OFFSET.pack(0))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), _OFFSET.size)

    def step(self, seconds: float) -> None:
        """Set the clock, forward or back; the daemon's next look sees it, and so does a daemon started later."""
        self.offset_s += seconds
        _OFFSET.pack_into(self._page, 0, us(self.offset_s))

    def close(self) -> None:
        self._page.close()


def follow(file: str) -> None:
    """Let the clock of this process be ahead by what stands in ``file``, whenever it is asked."""
    with Path(file).open("rb") as opened:
        page = mmap.mmap(opened.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)
    of_the_machine = SystemClock.wall_us

    def wall_us(self: SystemClock) -> int:
        offset_us: int = _OFFSET.unpack_from(page)[0]
        return of_the_machine(self) + offset_us

    SystemClock.wall_us = wall_us  # type: ignore[method-assign]
