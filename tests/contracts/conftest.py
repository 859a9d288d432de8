"""Every engine, for the one suite that tests them all."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest

from tests.contracts.engines import QUICK_FOLDER, Engine, MemoryEngine, SqliteEngine


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A way to open fresh stores of one kind; time stands still until the test moves it."""
    if request.param == "memory":
        yield MemoryEngine()
        return
    with TemporaryDirectory(dir=QUICK_FOLDER) as folder:
        yield SqliteEngine(folder)
