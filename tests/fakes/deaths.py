"""Deaths of the daemon with something under decision, for tests of the poison guard."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

from bridge.core.poison import PoisonGuard
from broker.clock import ManualClock

TRACE = "Fatal Python error: Segmentation fault\n"
"""What ``faulthandler`` writes of a crash."""


def a_guard(deaths: Deaths, clock: ManualClock | None = None) -> PoisonGuard:
    """The guard of the next run."""
    return PoisonGuard(clock or ManualClock(), deaths.folder)


class Deaths:
    """State folders as a killed process leaves them behind, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    def die(self, trace: str = TRACE) -> None:
        """Keep the folder as it is now, with what a crash leaves: what is written later never was."""
        self._made += 1
        self.folder = Path(shutil.copytree(self.folder, self.folder.parent / f"after death {self._made}"))
        (self.folder / "deciding.trace").write_text(trace)

    async def die_at(self, *names: str, trace: str = TRACE) -> None:
        """Die while these are under decision, each by a worker of its own; without a trace: killed from outside."""
        guard = PoisonGuard(ManualClock(), self.folder)
        desks = [guard.open_desk(name) for name in names]
        running = threading.Barrier(len(names) + 1)
        gone = threading.Event()

        def decide() -> None:
            running.wait(10)
            gone.wait(10)

        guard.is_watching = False  # or they would wait for each other
        steps = [
            asyncio.create_task(desk.run(name, decide, large=True)) for desk, name in zip(desks, names, strict=True)
        ]
        await asyncio.to_thread(running.wait, 10)
        self.die(trace)
        gone.set()
        await asyncio.gather(*steps)
        for desk in desks:
            desk.close()
