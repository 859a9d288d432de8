"""Connections that read. They see what was committed, and never wait for the writer."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from broker.clock import Clock
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.opening import connect
from broker.errors import StoreUnavailable

T = TypeVar("T")

_THREADS: Final = 2
_NEAR_BUSY_MS: Final = 250  # the event loop waits no longer for a lock


class Readers:
    """Runs reads: small ones at once on the event loop, those that may take long on a thread of their own.

    Measured: a read of one row by its key takes 10 us, and handing it to a thread and back three times as long.
    ``is_sure`` says whether what the file shows may be told (see Writer); ``trouble`` why no connection may be opened
    any more: another file bears the name. ``cache_kib`` bounds each connection's pages in memory where the usual is too
    much. ``at_rest``: nobody writes the file (see ``connect``).
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        is_sure: Callable[[], bool],
        trouble: Callable[[], str],
        cache_kib: int | None = None,
        *,
        at_rest: bool = False,
    ) -> None:
        self._path = path
        self._at_rest = at_rest
        self._trouble = trouble
        self._clock = clock
        self._is_sure = is_sure
        self._closed = False
        self._cache_kib = cache_kib
        self._near = self._connect(f"PRAGMA busy_timeout = {_NEAR_BUSY_MS}")
        self._far: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    async def read_at_once(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """A small read, at once; other coroutines get their turn first."""
        await self._clock.sleep(0)
        self.check()
        with translate_errors(self._path):
            return read(self._near)

    async def read_on_thread(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """A read that may take long, on a thread."""
        self.check()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._in_thread, read)

    async def close(self) -> None:
        """Let reads that began end, refuse others, and close the connections. Idempotent."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
            for db in (self._near, *self._far):
                db.close()

    def check(self) -> None:
        """Raise StoreUnavailable when nothing may be told of what is stored, also of what is known without a read."""
        if self._closed:
            raise StoreUnavailable("it is closed", "closed")
        if not self._is_sure():
            raise StoreUnavailable("the disk failed while writing, and what is on it is not known yet", "failed")

    def _connect(self, *more: str) -> sqlite3.Connection:
        reason = self._trouble()
        if reason:
            raise StoreUnavailable(reason, "replaced")
        db = connect(self._path, read_only=True, at_rest=self._at_rest)
        try:
            if self._cache_kib is not None:
                db.execute(f"PRAGMA cache_size = -{self._cache_kib}")
            for statement in more:
                db.execute(statement)
        except BaseException:
            db.close()
            raise
        return db

    def _in_thread(self, read: Callable[[sqlite3.Connection], T]) -> T:
        with translate_errors(self._path):
            if not hasattr(self._local, "db"):
                self._local.db = self._connect()
                self._far.append(self._local.db)
            db: sqlite3.Connection = self._local.db
            return read(db)
