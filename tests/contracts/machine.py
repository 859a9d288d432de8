"""What the state machines share: an engine on an event loop of its own, driven from plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine

from broker.clock import ManualClock
from broker.engines import open_store
from tests.contracts.engines import QUICK_FOLDER
from tests.contracts.postgres_databases import an_empty_database

T = TypeVar("T")

SETTINGS = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def a_fresh_url(kind: str, folder: str) -> str:
    """The URL of an empty store of a kind; what lies in files, in this folder."""
    if kind == "postgres":
        return an_empty_database("machines")
    return "memory" if kind == "memory" else f"sqlite://{Path(folder) / 'store.db'}"


class EngineMachine(RuleBasedStateMachine):
    """A machine over one fresh store; subclasses say of which kind."""

    kind: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory(dir=QUICK_FOLDER)
        self._loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.store = self.run(open_store(a_fresh_url(self.kind, self._folder.name), self.clock))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(call)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.run(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()
