"""Operations on their way from the event loop to the thread that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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


class Gathering:
    """Gathers calls on the event loop and gives them on in their order: those of one turn of the loop at once.

    So they share a transaction. A call that may wait for company goes with the next one that may not, or when its time
    is over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, give: Callable[[Sequence[PendingWrite]], None]) -> None:
        self._loop = loop
        self._give = give
        self._calls: list[PendingWrite] = []
        self._goes_with_this_turn = False
        self._latest: asyncio.TimerHandle | None = None

    def put(self, call: PendingWrite, within_s: float) -> None:
        """Take in a call that may wait ``within_s`` seconds for others."""
        self._calls.append(call)
        if self._goes_with_this_turn:
            return
        if within_s <= 0:
            self._goes_with_this_turn = True
            self._loop.call_soon(self.hand_over)
        elif self._latest is None:
            self._latest = self._loop.call_later(within_s, self.hand_over)

    def hand_over(self) -> None:
        """Give on what was gathered."""
        self._goes_with_this_turn = False
        if self._latest is not None:
            self._latest.cancel()
            self._latest = None
        if self._calls:
            self._give(self._calls)
            self._calls = []
