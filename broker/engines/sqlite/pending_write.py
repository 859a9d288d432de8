"""An operation on its way from the event loop to the thread that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.engines.sqlite.transaction import Transaction


@dataclass(slots=True, eq=False)
class PendingWrite:
    """One operation that waits to be written, and who waits for it."""

    work: Callable[[Transaction], Any]
    then: Callable[[], None] | None
    size_bytes: int
    answer: asyncio.Future[Any]
