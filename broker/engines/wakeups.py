"""Waking those who wait inside this process: what every engine uses for its ``wait_`` methods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class EdgeSignals:
    """Bells by name. Who waits for a name returns when it is rung next; a ring that nobody waits for is forgotten."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    @contextmanager
    def listen(self, name: str) -> Iterator[Awaitable[None]]:
        """Hear every ring of ``name`` from here on: the value is awaited for the first one.

        Who listens first and looks then misses nothing, however long the look takes.
        """
        rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, set()).add(rung)
        try:
            yield rung
        finally:
            others = self._waiting.get(name, set())
            others.discard(rung)
            if not others:
                self._waiting.pop(name, None)

    def ring(self, name: str) -> None:
        """Wake everybody who waits for ``name`` now."""
        for rung in self._waiting.pop(name, ()):
            if not rung.done():
                rung.set_result(None)

    @property
    def waited(self) -> list[str]:
        """The names that somebody waits for now."""
        return list(self._waiting)

    def ring_all(self) -> None:
        """Wake everybody who waits."""
        for name in list(self._waiting):
            self.ring(name)


class LevelSignals:
    """Flags by name that stay up until lowered; one that was never lowered counts as up."""

    def __init__(self) -> None:
        self._flags: dict[str, asyncio.Event] = {}

    async def wait(self, name: str) -> None:
        """Return when the flag is up; at once if it is."""
        if name in self._flags:
            await self._flags[name].wait()

    def lower(self, name: str) -> None:
        """Take the flag down: whatever it told is being looked at now."""
        self._flags.setdefault(name, asyncio.Event()).clear()

    def lift(self, name: str) -> None:
        """Put the flag up."""
        if name in self._flags:
            self._flags[name].set()

    def lift_all(self) -> None:
        """Put every flag up."""
        for flag in self._flags.values():
            flag.set()


class Signals:
    """What an engine wakes its callers with: bells for topics and the catalog, flags for news of a destination."""

    def __init__(self) -> None:
        self.bells = EdgeSignals()
        self.news = LevelSignals()
        self.forgetting: list[Callable[[], None]] = []
        """Called before everybody is woken: what is kept in memory of the store may be out of date."""

    def wake_all(self) -> None:
        """Wake everybody: the store closes, or somebody outside changed it."""
        for forget in self.forgetting:
            forget()
        self.bells.ring_all()
        self.news.lift_all()
