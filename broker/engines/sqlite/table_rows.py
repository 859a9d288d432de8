"""What a store in SQLite holds, table by table, for moving it to another engine while no daemon uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.engines.sqlite.companions import check_companions
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import resolve_links
from broker.engines.sqlite.lock import LockFile, read_note
from broker.engines.sqlite.opening import check_readable, connect
from broker.engines.stored_tables import StoredTable


class StoredRows:
    """The rows of one store, all of one moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect(path, read_only=True)
        self._db.execute("BEGIN")

    def rows(self, table: StoredTable) -> Iterator[tuple[Any, ...]]:
        """The rows of a table, as the other engine keeps them."""
        names = ", ".join(table.in_sqlite.get(column, column) for column in table.columns)
        yes_or_no = [place for place, column in enumerate(table.columns) if column in table.yes_or_no]
        with translate_errors(self._path):
            for values in self._db.execute(f"SELECT {names} FROM {table.sqlite_name}"):  # noqa: S608 - our own names
                row = list(values)
                for place in yes_or_no:
                    row[place] = bool(row[place])
                yield tuple(row)

    def count(self, table: StoredTable) -> int:
        """How many rows a table has."""
        with translate_errors(self._path):
            total: int = self._db.execute(f"SELECT count(*) FROM {table.sqlite_name}").fetchone()[0]  # noqa: S608
            return total

    def numbers(self) -> Mapping[str, int]:
        """The last numbers that were given, by the name of their sequence."""
        with translate_errors(self._path):
            given = self._db.execute("SELECT name, value FROM sums WHERE topic_uid = '' AND kind = 'number'")
            return dict([*self._db.execute("SELECT name, value FROM numbers"), *given])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


@contextmanager
def open_stored_rows(path: Path) -> Iterator[StoredRows]:
    """Look at a store that no daemon uses; none can begin meanwhile. Raises StoreUnavailable and StoreCorrupt."""
    path = resolve_links(path)
    check_readable(path)
    lock = LockFile(path)
    lock.take()
    try:
        check_companions(path, read_note(path))
        with translate_errors(path):
            stored = StoredRows(path)
        try:
            yield stored
        finally:
            stored.close()
    finally:
        lock.release()
