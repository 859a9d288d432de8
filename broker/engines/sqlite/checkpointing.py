"""Moving the write-ahead log into the file, beside the writer instead of in its way.

SQLite does that in the COMMIT that finds the log too long, and all who wait for that commit wait for thousands of pages
and an fsync: 40 to 370 ms were measured, every second at a hundred messages a second. So another thread moves most of
it while commits go on. Only what was written meanwhile is left to the writer, between two groups: the log begins anew
when all of it was moved and nobody wrote since.

While it moves, the file alone does not fit together: its first page is written first, and counts pages that come last.
Who reads the file without its log asks for a moment when nothing moves (``at_rest``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.engines.sqlite.opening import connect_writer

_PAUSE_S: Final = 0.5
_LONG_PAGES: Final = 2_000


class Checkpointer:
    """Moves the log after ``ask``, a little later. Belongs to the writer, whose thread calls it."""

    def __init__(self, path: Path, pause_s: float = _PAUSE_S, long_pages: int = _LONG_PAGES) -> None:
        self._db = connect_writer(path)
        self._pause_s = pause_s
        self._long_pages = long_pages
        self._asked = threading.Event()
        self._closing = threading.Event()
        self._moving = threading.Lock()
        self.wants_the_rest = False  # the writer is to move what is left, now
        self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Ask for a checkpoint, for there is something new in the log."""
        self._asked.set()

    def move(self) -> None:
        """Move what stands in the log now; a long one, or one that cannot be moved, the writer is to look at too."""
        try:
            with self._moving:
                _, pages, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            self.wants_the_rest = True  # it will meet the same trouble, and tell of it
        else:
            self.wants_the_rest = pages >= self._long_pages

    @contextmanager
    def hold_at_rest(self) -> Iterator[bool]:
        """Whether nothing moves, and nothing begins to before the block ends. Never waits."""
        is_ours = self._moving.acquire(blocking=False)
        try:
            yield is_ours
        finally:
            if is_ours:
                self._moving.release()

    def close(self) -> None:
        """End the thread and let go of the file."""
        self._closing.set()
        self._asked.set()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()  # before closing is asked about: what close() says after that is heard in the next wait
            if self._closing.wait(self._pause_s):
                return
            self.move()
