"""Locks by name: what a transaction will change, it locks before it looks, all at once and in one order.

So transactions on the same things come one after the other, as they do with one writer thread, and none waits for
another that waits for it. A name has one of a thousand rows; two names with the same row only wait for each other
without need.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

_EACH: Final = 256
_CATALOG: Final = 3 * _EACH


def destination_lock(destination: str) -> int:
    """The lock over all that waits for a destination."""
    return crc32(destination.encode(errors="surrogatepass")) % _EACH


def state_lock(key: str) -> int:
    """The lock over a row of state, there or not."""
    return _EACH + crc32(key.encode(errors="surrogatepass")) % _EACH


def cursor_lock(cursor_id: str) -> int:
    """The lock over a cursor, there or not."""
    return 2 * _EACH + crc32(cursor_id.encode(errors="surrogatepass")) % _EACH


CATALOG_LOCK: Final = _CATALOG
"""The lock over the whole catalog: its changes are numbered one after the other."""


def in_order(slots: Iterable[int]) -> list[int]:
    """Locks as a statement takes them."""
    return sorted(set(slots))
