"""The engines that keep a Store, and ``open_store``, which picks one by URL."""

from __future__ import annotations

from broker.clock import Clock
from broker.engines.memory import MemoryStore
from broker.errors import StoreUnavailable
from broker.store import Store


async def open_store(url: str, clock: Clock) -> Store:
    """Open the store that ``url`` names: ``memory`` or ``sqlite:///path``.

    Raises StoreUnavailable or StoreCorrupt with what to do about it.
    """
    if url == "memory":
        return MemoryStore(clock)
    raise StoreUnavailable(f"no engine for {url!r}; say memory or sqlite:///path/to/file")
