"""Stores on real files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.store import SqliteStore

Opening = Callable[[], AbstractAsyncContextManager[SqliteStore]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def opened(path: Path, clock: ManualClock) -> Opening:
    """``async with opened() as store``: the same file each time."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[SqliteStore]:
        store = await open_sqlite(path, clock)
        try:
            yield store
        finally:
            await store.close()

    return opening
