"""Rows for the length of one run, in a temporary file that nobody else sees: for what may not fit in memory.

It is no store: nothing of it outlives the process. SQLite keeps a few pages in memory and makes the file when these are
not enough.
"""

from __future__ import annotations

import sqlite3
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.engines.sqlite.failures import translate_errors

CACHE_KIB: Final = 8 * 1024
_WHERE: Final = Path("a temporary file")
_SCHEMA: Final = (
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    """CREATE TABLE rows (key TEXT PRIMARY KEY, value BLOB NOT NULL, owner TEXT NOT NULL, version INTEGER NOT NULL,
       expires_us INTEGER NOT NULL, due_us INTEGER)""",
    "CREATE INDEX ends ON rows (expires_us)",
    "CREATE INDEX dues ON rows (due_us, key) WHERE due_us IS NOT NULL",
    "BEGIN",
)
_COLUMNS: Final = "key, value, owner, version, expires_us, due_us"


@dataclass(frozen=True, slots=True)
class ScratchRow:
    """One row of the scratch table. ``due_us`` None is never due; ``expires_us`` is when ``expire`` takes it."""

    key: str
    value: bytes
    owner: str
    version: int
    expires_us: int
    due_us: int | None


class Scratch:
    """Keyed rows; one thread uses it. Raises StoreUnavailable when the disk for temporary files is full.

    The file goes with ``close``, and at the latest when nobody holds this any more.
    """

    def __init__(self) -> None:
        with translate_errors(_WHERE):
            self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            weakref.finalize(self, self._db.close)
            for statement in _SCHEMA:
                self._db.execute(statement)

    def get(self, key: str) -> ScratchRow | None:
        """The row of a key."""
        return self._one(f"SELECT {_COLUMNS} FROM rows WHERE key = ?", key)  # noqa: S608 - our own words

    def put(self, row: ScratchRow) -> None:
        """Write a row in place of the one before."""
        columns = (row.key, row.value, row.owner, row.version, row.expires_us, row.due_us)
        with translate_errors(_WHERE):
            self._db.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", columns)

    def delete(self, key: str) -> None:
        """Remove the row of a key, if there is one."""
        with translate_errors(_WHERE):
            self._db.execute("DELETE FROM rows WHERE key = ?", (key,))

    def first_due(self) -> ScratchRow | None:
        """The row that is due first."""
        return self._one(f"SELECT {_COLUMNS} FROM rows WHERE due_us IS NOT NULL ORDER BY due_us, key LIMIT 1")  # noqa: S608

    def list_due(self) -> list[ScratchRow]:
        """All rows that are due some day."""
        with translate_errors(_WHERE):
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM rows WHERE due_us IS NOT NULL").fetchall()  # noqa: S608
        return [ScratchRow(*row) for row in rows]

    def expire(self, now_us: int) -> list[str]:
        """Remove what has expired; gives the owner of each row."""
        with translate_errors(_WHERE):
            owners = [owner for (owner,) in self._db.execute("SELECT owner FROM rows WHERE expires_us <= ?", (now_us,))]
            self._db.execute("DELETE FROM rows WHERE expires_us <= ?", (now_us,))
        return owners

    def next_end_us(self) -> int | None:
        """When the next row expires."""
        with translate_errors(_WHERE):
            first_us: int | None = self._db.execute("SELECT min(expires_us) FROM rows").fetchone()[0]
        return first_us

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._db.close()

    def _one(self, query: str, *parameters: str) -> ScratchRow | None:
        with translate_errors(_WHERE):
            row = self._db.execute(query, parameters).fetchone()
        return None if row is None else ScratchRow(*row)
