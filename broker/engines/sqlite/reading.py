"""A store opened to look only: what a command line may do beside a running daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from broker.clock import Clock
from broker.engines.sqlite.transaction import Transaction
from broker.engines.wakeups import EdgeSignals, Signals
from broker.errors import StoreUnavailable

T = TypeVar("T")

_LOOK_EVERY_S: Final = 1.0
_REASON: Final = "it was opened for reading only"


class NoWriter:
    """Refuses every change. See Writes."""

    trouble = _REASON
    is_sure = True

    @property
    def is_alone(self) -> bool:
        """See Writes: the daemon may write at any time."""
        return False

    async def run(
        self,
        work: Callable[[Transaction], T],
        then: Callable[[], None] | None = None,
        size_bytes: int = 0,
        within_s: float = 0.0,
    ) -> T:
        """See Writes."""
        raise StoreUnavailable(_REASON)

    async def close(self) -> None:
        """See Writes."""


class _Glance:
    """Awaited: a second later it is worth another look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __await__(self) -> Generator[Any, None, None]:
        return self._clock.sleep(_LOOK_EVERY_S).__await__()


class Glances(EdgeSignals):
    """Bells that ring each second for everybody: another process writes, and cannot ring ours."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    @contextmanager
    def listen(self, name: str) -> Iterator[Awaitable[None]]:
        """See Bells."""
        yield _Glance(self._clock)


def glancing_signals(clock: Clock) -> Signals:
    """Signals for a store that another process writes."""
    signals = Signals()
    signals.bells = Glances(clock)
    return signals
