"""Operations on their way from the event loop to what writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Gathering(Generic[T]):
    """Gathers calls on the event loop and gives them on in their order: those of one turn of the loop at once.

    So they share a transaction. A call that may wait for company goes with the next one that may not, or when its time
    is over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, give: Callable[[Sequence[T]], None]) -> None:
        self._loop = loop
        self._give = give
        self._calls: list[T] = []
        self._goes_with_this_turn = False
        self._latest: asyncio.TimerHandle | None = None

    def put(self, call: T, within_s: float) -> None:
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
