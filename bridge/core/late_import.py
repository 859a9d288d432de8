"""Imports what only some need, when the first of them does, and imports libraries without what they only offer.

A start reads hundreds of files. What no settings ask for stays unread: that is a third of the time, and of the memory.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


async def import_beside(name: str) -> None:
    """Import a module that takes a while beside the event loop; at once when it is there."""
    if name not in sys.modules:
        import asyncio  # commands use the other of the two, and no event loop

        await asyncio.to_thread(import_module, name)


@contextmanager
def as_if_missing(*names: str) -> Iterator[None]:
    """Import, within the block, as if these libraries were not installed; those that are imported already stay.

    For what a library takes only to offer more than is asked of it here: structlog and httpx draw with rich where they
    find it, which is as much to read as both of them.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type] # None there is what "not to be found" means
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
