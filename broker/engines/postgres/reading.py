"""A store opened to look only: what a command line may do beside running daemons."""

from __future__ import annotations

from typing import Final, TypeVar

from broker.engines.postgres.calls import WriterCall
from broker.errors import StoreUnavailable

T = TypeVar("T")

_REASON: Final = "it was opened for reading only"


class RefusingWriter:
    """Refuses every change. See GroupWrites."""

    trouble = _REASON

    async def run(self, call: WriterCall[T], within_s: float = 0.0) -> T:
        """See GroupWrites."""
        raise StoreUnavailable(_REASON)

    async def close(self) -> None:
        """See GroupWrites."""
