"""Waiting for the first of several things, and giving others their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from broker.clock import Clock


class Turn:
    """Our time on the event loop: once it was longer than ``longest_s``, others get theirs."""

    def __init__(self, clock: Clock, longest_s: float) -> None:
        self._clock = clock
        self._longest_s = longest_s
        self._ends = clock.monotonic() + longest_s

    async def give(self) -> None:
        """Let others have the loop if our turn is over. Call it between two steps of long work."""
        if self._clock.monotonic() >= self._ends:
            await self._clock.sleep(0)
            self._ends = self._clock.monotonic() + self._longest_s


async def wait_for_first(clock: Clock, timeout_s: float | None, *works: Coroutine[Any, Any, object]) -> None:
    """Return once one of ``works`` is done or ``timeout_s`` have passed; the others are cancelled.

    What the finished one raised is raised here.
    """
    pending: list[asyncio.Task[object]] = [asyncio.ensure_future(work) for work in works]
    try:
        async with clock.timeout(timeout_s):
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        return
    finally:
        await _cancel(pending)
    for finished in done:
        finished.result()


async def _cancel(pending: list[asyncio.Task[object]]) -> None:
    for task in pending:
        task.cancel()
    waiting: list[Awaitable[object]] = list(pending)
    await asyncio.gather(*waiting, return_exceptions=True)
