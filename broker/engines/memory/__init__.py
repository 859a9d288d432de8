"""The memory engine."""

from broker.engines.memory.store import MemoryStore
from broker.engines.memory.trouble import Trouble

__all__ = ["MemoryStore", "Trouble"]
