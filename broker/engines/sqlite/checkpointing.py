"""Moving the write-ahead log into the file, beside the writer instead of in its way.

SQLite does that in the COMMIT that finds the log too long, and all who wait for that commit wait for thousands of pages
and an fsync: 40 to 370 ms were measured, every second at a hundred messages a second. So another thread moves most of
it while commits go on. Only what was written meanwhile is left to the writer, between two groups: the log begins anew
when all of it was moved and nobody wrote since.

Each move takes the disk from the commits for a while, and most pages change with nearly every message. So a log is let
grow long before it is moved: the same pages are moved once instead of ten times, and fewer commits meet a move.

While it moves, the file alone does not fit together: its first page is written first, and counts pages that come last.
Nor does it after a move that a reader held up: SQLite moves the newest state of a page or none, so pages that changed
after what the reader sees stay as they were, among others that do not. Who reads the file without its log asks for a
moment when nothing moves and all was moved (``hold_whole``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.engines.sqlite.failures import code_of
from broker.engines.sqlite.opening import connect_writer

LONG_PAGES: Final = 16_000
"""The pages of a log that is moved while it is written to: 64 MiB. A quiet moment moves a shorter one."""

_PAUSE_S: Final = 0.05


class Checkpointer:
    """Moves the log after ``ask``, a little later. Belongs to the writer, whose thread calls it."""

    def __init__(self, path: Path, pause_s: float = _PAUSE_S, long_pages: int = LONG_PAGES // 2) -> None:
        self._db = connect_writer(path, moves_log=False)
        self._pause_s = pause_s
        self._long_pages = long_pages
        self._asked = threading.Event()
        self._closing = threading.Event()
        self._moving = threading.Lock()
        self._is_whole = True  # the last move left nothing in the log of what stood there; whoever opened it made one
        self.wants_the_rest = False  # the writer is to move what is left, now
        self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Ask for a checkpoint, for the log is long."""
        self._asked.set()

    def move(self) -> None:
        """Move what stands in the log now; a long one, or one that cannot be moved, the writer is to look at too."""
        try:
            with self._moving:
                pages = self._move(self._db)
        except sqlite3.Error:
            self.wants_the_rest = True  # it will meet the same trouble, and tell of it
        else:
            self.wants_the_rest = pages >= self._long_pages

    def finish(self, db: sqlite3.Connection) -> None:
        """Move what stands in the log, on the writer's connection, unless it is being moved. Raises sqlite3.Error."""
        with self._hold() as is_ours:
            if is_ours:
                self._move(db)

    def _move(self, db: sqlite3.Connection) -> int:
        """Move, and say how many pages stood in the log.

        Of a file that is no store of SQLite any more it finds that before it moves anything: that is to be looked at.
        """
        was_whole, self._is_whole = self._is_whole, False
        try:
            _, pages, moved = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self._is_whole = was_whole and code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            raise
        self._is_whole = pages == moved >= 0
        return int(pages)

    @contextmanager
    def hold_whole(self) -> Iterator[bool]:
        """Whether the file fits together without its log, and does until the block ends. Never waits."""
        with self._hold() as is_ours:
            yield is_ours and self._is_whole

    @contextmanager
    def _hold(self) -> Iterator[bool]:
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
