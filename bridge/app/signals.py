"""Signals become calls: SIGTERM and SIGINT stop, SIGHUP reloads.

A second SIGTERM or SIGINT does not wait for anything: the default handler is put back after the first, so whoever is
in a hurry can have it. Everything the store acknowledged is on disk at any moment.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def handle_signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """Lets signals, within the block, call ``stop`` and ``reload`` in the running event loop."""
    loop = asyncio.get_running_loop()

    def stop_once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_once, number)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
