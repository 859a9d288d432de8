"""Every engine, for the one suite that tests them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contracts.engines import Engine, MemoryEngine, SqliteEngine


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A way to open fresh stores of one kind; time stands still until the test moves it."""
    if request.param == "memory":
        return MemoryEngine()
    return SqliteEngine(Path(os.fspath(tmp_path)) / "store.db")
