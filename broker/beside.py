"""Runs what is large beside the event loop, on a thread, and what is small at once, where it is asked for.

A thread costs a tenth of a millisecond, more than most requests take; without one, a single large request keeps
everybody waiting. The thread shares the interpreter: a step gives way only between its own pieces, so it should have
many of them and no single call that computes for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

LARGE_BYTES: Final = 128 * 1024
"""Reading or writing more JSON than this takes long enough to keep others waiting."""
LARGE_ITEMS: Final = 1_000
"""The same for more things of a kind."""

Result = TypeVar("Result")


class Beside:
    """Runs large steps on threads, at most ``at_once`` at a time; the others wait for their turn."""

    def __init__(self, at_once: int = 1) -> None:
        self._turns = asyncio.Semaphore(at_once)

    async def run(self, step: Callable[[], Result], *, large: bool) -> Result:
        """What ``step`` gives, from the event loop unless it is ``large``; what it raises is raised here."""
        if not large:
            return step()
        async with self._turns:
            return await asyncio.to_thread(step)
