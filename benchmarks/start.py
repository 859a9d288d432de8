"""How long the daemon takes to be ready, and how much memory it then holds, with a full store and with an empty one.

The time runs from the start of the process to READY. Beside it stands a bare server that opens the same store.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Final

from benchmarks import bare, daemon
from benchmarks.machine import resident_bytes
from benchmarks.rows import Row
from benchmarks.scale import Run
from benchmarks.seeding import make_store, store_messages
from broker.clock import SystemClock

NAME: Final = "start"
_STARTS: Final = 3
_SETTLES_S: Final = 1.0
_CLOCK: Final = SystemClock()
Figures = tuple[float, float]


async def measure(run: Run) -> list[Row]:
    """A row for the time to READY, and one for the memory, each beside the empty store and the bare server."""
    folders = {"empty": run.folder / "empty", "full": run.folder / "full"}
    configs: dict[str, Path] = {}
    for name, folder in folders.items():
        folder.mkdir()
        configs[name] = make_store(folder, "http://127.0.0.1:9")
    run.tell(f"storing {run.scale.stored:,} messages")
    await store_messages(configs["full"], run.scale.stored)
    found: dict[str, list[Figures]] = {"empty": [], "full": [], "bare": []}
    for n in range(min(_STARTS, run.scale.rounds)):
        run.tell(f"start {n + 1}")
        for name, config in configs.items():
            with daemon.running(config) as started:
                await _CLOCK.sleep(_SETTLES_S)
                found[name].append((started.took_s, resident_bytes(started.server.pid) / 2**20))
        began = time.perf_counter()
        with bare.bare_server(folders["full"] / "state") as server:
            took_s = time.perf_counter() - began
            await _CLOCK.sleep(_SETTLES_S)
            found["bare"].append((took_s, resident_bytes(server.pid) / 2**20))
    return _rows(run.scale.stored, found)


def _rows(stored: int, found: dict[str, list[Figures]]) -> list[Row]:
    rows = []
    for column, what, unit, digits in ((0, "until READY", "s", 2), (1, "memory once ready", "MiB", 0)):
        middle = {name: statistics.median(one[column] for one in several) for name, several in found.items()}
        for other, name in (("empty", "an empty store"), ("bare", "bare ASGI app, same store")):
            rows.append(
                Row(
                    NAME,
                    f"{what}, {stored:,} messages stored",
                    f"{middle['full']:.{digits}f} {unit}",
                    name,
                    f"{middle[other]:.{digits}f} {unit}",
                    f"{middle['full'] / middle[other]:.2f}",
                )
            )
    return rows
