"""Lets what takes long run beside the event loop, so that a slow rule or a large message keeps nobody else waiting.

Most decisions take a fraction of a millisecond and are made where they are asked for: a thread would only cost. One
that is announced as large, or that follows slow ones, runs on a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from broker.clock import Clock

SLOW_S: Final = 0.02
"""A step that took longer makes those after it run on the thread."""
QUICK_STEPS: Final = 50
"""So many steps in a row must be quick again before they run on the event loop."""

Result = TypeVar("Result")


class Offload:
    """Runs steps in order, each where it disturbs least. Steps of one ``Offload`` never run at the same time."""

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        self._wary = 0
        self.under_way = False

    async def run(self, step: Callable[[], Result], *, large: bool = False) -> Result:
        """Run a step where it disturbs least, and give its result.

        ``large`` says that it is likely to take long; what it raises is raised here.
        """
        aside = large or self._wary > 0
        began = self._clock.monotonic()
        result = await self._on_thread(step) if aside else step()
        if self._clock.monotonic() - began > SLOW_S:
            self._wary = QUICK_STEPS
        elif self._wary:
            self._wary -= 1
        return result

    def close(self) -> None:
        """Let the thread end once its step is done; does not wait for it."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    async def _on_thread(self, step: Callable[[], Result]) -> Result:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        context = contextvars.copy_context()
        self.under_way = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: context.run(step))
        finally:
            self.under_way = False
