"""The engines under test: each opens stores on a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from broker.clock import ManualClock
from broker.engines import open_store
from broker.store import Store

QUICK_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where these stores lie: a disk in memory, where there is one. What a real disk does is tested in tests/broker."""


class Engine(Protocol):
    """Opens stores of one kind."""

    clock: ManualClock
    survives: bool
    """Whether a store opened again holds what the one before did."""

    def open(self) -> AsyncIterator[Store]:
        """``async with engine.open() as store``."""


class MemoryEngine:
    """Every store begins empty."""

    survives = False

    def __init__(self) -> None:
        self.clock = ManualClock()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        store = await open_store("memory", self.clock)
        try:
            yield store
        finally:
            await store.close()


class PostgresEngine:
    """One database, opened again and again by the same node."""

    survives = True

    def __init__(self, url: str) -> None:
        self.clock = ManualClock()
        self.url = url

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        store = await open_store(self.url, self.clock)
        try:
            yield store
        finally:
            await store.close()


class SqliteEngine:
    """One file, opened again and again."""

    survives = True

    def __init__(self, folder: str) -> None:
        self.clock = ManualClock()
        self.path = Path(folder) / "store.db"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        store = await open_store(f"sqlite://{self.path}", self.clock)
        try:
            yield store
        finally:
            await store.close()
