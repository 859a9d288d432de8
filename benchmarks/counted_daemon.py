"""The daemon with a count of what it does, told in a file: ``python -m benchmarks.counted_daemon COUNTS --config ...``.

Counted are the statements that SQLite runs, and the hops: how often another thread hands something back to the event
loop. Both depend on the code and not on the machine. The daemon is the real one, which knows nothing of it.
"""

from __future__ import annotations

import mmap
import sqlite3
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop

NAMES: Final = ("statements", "hops")
_NUMBER: Final = struct.Struct("=Q")


class Counters:
    """Numbers in a file that another process may read at any time. Each has one writer at a time, the interpreter."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_NUMBER.size * len(NAMES)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def read(self) -> dict[str, int]:
        """All of them."""
        return dict(zip(NAMES, (number for (number,) in _NUMBER.iter_unpack(self._memory[:])), strict=True))

    def adder(self, name: str) -> Callable[[], None]:
        """What adds one to a number."""
        at = NAMES.index(name) * _NUMBER.size

        def add() -> None:
            (number,) = _NUMBER.unpack_from(self._memory, at)
            _NUMBER.pack_into(self._memory, at, number + 1)

        return add


def _count_statements(add: Callable[[], None]) -> None:
    connect = sqlite3.connect

    def counting(*where: Any, **how: Any) -> sqlite3.Connection:
        made = connect(*where, **how)
        made.set_trace_callback(lambda _: add())
        return made

    sqlite3.connect = counting  # type: ignore[assignment]


def _count_hops(add: Callable[[], None]) -> None:
    class CountingLoop(uvloop.Loop):  # type: ignore[misc]
        def call_soon_threadsafe(self, *call: Any, **more: Any) -> Any:
            add()
            return super().call_soon_threadsafe(*call, **more)

    uvloop.run.__kwdefaults__["loop_factory"] = CountingLoop


def main() -> None:
    """Count, and run the command line."""
    counters = Counters(Path(sys.argv.pop(1)))
    _count_statements(counters.adder("statements"))
    _count_hops(counters.adder("hops"))
    from bridge.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
