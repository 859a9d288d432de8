"""Every engine, for the one suite that tests them all."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest

from tests.contracts.engines import QUICK_FOLDER, Engine, MemoryEngine, PostgresEngine, SqliteEngine
from tests.contracts.postgres_databases import an_empty_database


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A way to open fresh stores of one kind; time stands still until the test moves it."""
    if request.param == "memory":
        yield MemoryEngine()
        return
    if request.param == "postgres":
        yield PostgresEngine(an_empty_database())
        return
    with TemporaryDirectory(dir=QUICK_FOLDER) as folder:
        yield SqliteEngine(folder)
