"""A store in SQLite that is made of what another engine holds: under another name until all of it is there."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from broker.engines.moving import Key, Range, Row
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import publish, resolve_links
from broker.engines.sqlite.lock import LockFile
from broker.engines.sqlite.opening import (
    check_place,
    check_readable,
    connect,
    connect_writer,
    discard_leftovers,
    prepare,
)
from broker.engines.sqlite.table_rows import MESSAGE_NUMBER, column_names, count_rows, key_condition, rows_between
from broker.engines.stored_tables import StoredTable, TableCount
from broker.errors import StoreUnavailable, StoreUnusable

_TABLES = """
CREATE TABLE IF NOT EXISTS moves (source TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS moved_ranges (
  name TEXT NOT NULL, log INTEGER NOT NULL, number INTEGER NOT NULL, mark TEXT NOT NULL, held INTEGER NOT NULL,
  checksum TEXT NOT NULL, PRIMARY KEY (name, log, number)
) WITHOUT ROWID;
"""
_SUMS: Final = """
CREATE TEMP TRIGGER add_balance INSTEAD OF INSERT ON balances BEGIN
  INSERT INTO sums (topic_uid, kind, name, state, by, value, stands_for)
  VALUES (NEW.topic_uid, 'balance', NEW.destination, NEW.state, NEW.by, NEW.deliveries, NEW.stands_for);
END;
CREATE TEMP TRIGGER remove_balance INSTEAD OF DELETE ON balances BEGIN
  DELETE FROM sums WHERE topic_uid = OLD.topic_uid AND kind = 'balance' AND name = OLD.destination
    AND state = OLD.state AND by = OLD.by;
END;
CREATE TEMP TRIGGER add_counter INSTEAD OF INSERT ON counters BEGIN
  INSERT INTO sums (topic_uid, kind, name, state, by, value, stands_for)
  VALUES (NEW.topic_uid, 'counter', NEW.name, '', '', NEW.value, 0);
END;
CREATE TEMP TRIGGER remove_counter INSTEAD OF DELETE ON counters BEGIN
  DELETE FROM sums WHERE topic_uid = OLD.topic_uid AND kind = 'counter' AND name = OLD.name;
END;
CREATE TEMP TRIGGER add_rows INSTEAD OF INSERT ON state_counts BEGIN
  INSERT INTO sums (topic_uid, kind, name, state, by, value, stands_for)
  VALUES ('', 'rows', NEW.rule, '', '', NEW.rows, 0);
END;
CREATE TEMP TRIGGER remove_rows INSTEAD OF DELETE ON state_counts BEGIN
  DELETE FROM sums WHERE topic_uid = '' AND kind = 'rows' AND name = OLD.rule;
END;
CREATE TEMP TRIGGER add_cursor INSTEAD OF INSERT ON cursors BEGIN
  INSERT INTO sums
  VALUES ('', 'cursor', NEW.id, '', '', NEW.offset, NEW.rev, NEW.pending_to, NEW.pending_at_us, NEW.messages_total,
    NEW.bytes_total, NEW.last_consumed_us, NEW.consume_rate);
END;
CREATE TEMP TRIGGER remove_cursor INSTEAD OF DELETE ON cursors BEGIN
  DELETE FROM sums WHERE topic_uid = '' AND kind = 'cursor' AND name = OLD.id;
END;
"""
"""Writes what SQLite keeps in one table, and shows as four."""
_HOMES: Final = {"attempts": "attempts", "decisions": "decisions", "logs": "logs"}
"""Where rows are written of which views tell more than that."""
_MOVED: Final = "moved"  # the number that says how a store came to be, until a daemon opens it


class SqliteMovedTo:
    """See broker.engines.moving.MovedTo. What is not finished lies in ``<store>.moving``."""

    def __init__(self, path: Path) -> None:
        self._path = resolve_links(path)
        self._partial = self._path.with_name(f"{self._path.name}.moving")
        self._lock = LockFile(self._path)
        self._open: sqlite3.Connection | None = None

    @property
    def _db(self) -> sqlite3.Connection:
        """What is written to, between ``begin`` and the end."""
        if self._open is None:
            raise StoreUnavailable("it is closed", "closed")
        return self._open

    async def begin(self, source: str) -> bool:
        """See MovedTo."""
        check_place(self._path)
        self._lock.take()
        if self._path.exists():
            return self._was_finished()
        prepare(self._partial)
        with translate_errors(self._partial):
            self._open = connect_writer(self._partial)
            self._db.executescript(_TABLES)
            self._db.executescript(_SUMS)
            sources = [place for (place,) in self._db.execute("SELECT source FROM moves")]
            if not sources:
                self._db.execute("INSERT INTO moves (source) VALUES (?)", (source,))
        if sources and sources != [source]:
            raise StoreUnusable(
                f"{self._partial} is being filled from {sources[0]}; go on with that, or remove the file"
            )
        return True

    def _was_finished(self) -> bool:
        """Nothing is left to do when the store is the one that was made here. Raises StoreUnusable for any other."""
        check_readable(self._path)
        with translate_errors(self._path), closing(connect(self._path, read_only=True)) as db:
            names = {name for (name,) in db.execute("SELECT name FROM numbers")}
        if _MOVED not in names or "opened at" in names:
            raise StoreUnusable(f"{self._path} exists already; name another file, or move it away")
        return False

    async def marks(self, table: StoredTable) -> Mapping[Range, str]:
        """See MovedTo."""
        with translate_errors(self._partial):
            ranges = self._db.execute("SELECT log, number, mark FROM moved_ranges WHERE name = ?", (table.name,))
            return {Range(log, number): mark for log, number, mark in ranges}

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """See MovedTo."""
        with translate_errors(self._partial):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    async def standing(self, table: StoredTable, after: Key, upto: Key) -> Sequence[Row]:
        """See MovedTo."""
        with translate_errors(self._partial):
            return rows_between(self._db, table, after, upto, all_messages=True, name=_home(table))

    async def change(self, table: StoredTable, gone: Sequence[Key], rows: Sequence[Row]) -> None:
        """See MovedTo."""
        names = column_names(table)
        where = key_condition(table, "=", table.keys)
        self._db.executemany(f"DELETE FROM {_home(table)} WHERE {where}", gone)  # noqa: S608 - our own names
        ours = ["id", *names] if table.name == "clock_marks" else names
        values = [(1, *row) for row in rows] if table.name == "clock_marks" else rows
        places = ", ".join("?" * len(ours))
        if table.name == "messages":
            ours, places = ["id", *names[2:]], f"{MESSAGE_NUMBER}, {', '.join('?' * len(names[2:]))}"
        text = f"INSERT INTO {_home(table)} ({', '.join(ours)}) VALUES ({places})"  # noqa: S608
        self._db.executemany(text, values)

    async def mark(self, table: StoredTable, wanted: Range, mark: str, count: TableCount) -> None:
        """See MovedTo."""
        key = (table.name, wanted.log, wanted.number)
        self._db.execute("DELETE FROM moved_ranges WHERE name = ? AND log = ? AND number = ?", key)
        if mark:
            values = (*key, mark, count.rows, str(count.checksum))
            self._db.execute("INSERT INTO moved_ranges VALUES (?, ?, ?, ?, ?, ?)", values)

    async def counts(self, table: StoredTable) -> TableCount:
        """See MovedTo."""
        with translate_errors(self._partial):
            text = "SELECT held, checksum FROM moved_ranges WHERE name = ?"
            counts = self._db.execute(text, (table.name,)).fetchall()
        return TableCount(sum(rows for rows, _ in counts), sum(int(checksum) for _, checksum in counts) % 2**64)

    async def stands(self, table: StoredTable) -> int:
        """See MovedTo."""
        with translate_errors(self._partial):
            return count_rows(self._db, table)

    async def finish(self, numbers: Mapping[str, int]) -> None:
        """See MovedTo."""
        with translate_errors(self._partial):
            self._db.execute("BEGIN IMMEDIATE")
            text = (
                "INSERT OR REPLACE INTO sums (topic_uid, kind, name, state, by, value, stands_for) "
                "VALUES ('', 'number', ?, '', '', ?, 0)"
            )
            self._db.executemany(text, numbers.items())
            self._db.execute("INSERT INTO numbers (name, value) VALUES (?, 1)", (_MOVED,))
            self._db.execute("DROP TABLE moved_ranges")
            self._db.execute("DROP TABLE moves")
            self._db.execute("COMMIT")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
        self._lock.forget()
        publish(self._partial, self._path)
        discard_leftovers(self._partial)

    async def close(self) -> None:
        """See MovedTo."""
        if self._open is not None:
            self._open.close()
        self._lock.release()


def _home(table: StoredTable) -> str:
    return _HOMES.get(table.name, table.sqlite_name)
