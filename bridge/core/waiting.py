"""Waiting for the first of several things, and giving others their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
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


class RepeatedWait:
    """Waits again and again for one thing or an event, whichever comes first; an event that did not is waited for on.

    To wait for three things anew takes three tasks, two of which are cancelled: for a worker that waits after every
    message, only what is another each time is worth a task. ``close`` it in the end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: dict[asyncio.Event, asyncio.Task[object]] = {}

    async def wait(self, timeout_s: float | None, work: Coroutine[Any, Any, object], *events: asyncio.Event) -> None:
        """Return once ``work`` is done, an event is set, or ``timeout_s`` have passed. Raises what ``work`` raises.

        An event that was set, and cleared, since it was waited for last may end this wait too.
        """
        once = asyncio.ensure_future(work)
        self._watch(events)
        try:
            async with self._clock.timeout(timeout_s):
                await asyncio.wait([once, *self._events.values()], return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass
        finally:
            if not once.done():
                await _cancel([once])
        if not once.cancelled():
            once.result()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._watch(())

    def _watch(self, events: Sequence[asyncio.Event]) -> None:
        """Wait for these events, and for no others."""
        for event, waiting in list(self._events.items()):
            if event not in events or waiting.done():
                waiting.cancel()
                del self._events[event]
        for event in events:
            if event not in self._events:
                self._events[event] = asyncio.ensure_future(event.wait())


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
