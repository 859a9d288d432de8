"""What a store in SQLite holds, table by table, in the form in which it is moved from one engine to another."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from broker.engines.moving import Key, Range, Row, marks_of_logs
from broker.engines.sqlite.companions import check_companions
from broker.engines.sqlite.failures import translate_errors
from broker.engines.sqlite.files import resolve_links
from broker.engines.sqlite.lock import LockFile, read_note
from broker.engines.sqlite.opening import MIGRATIONS, check_readable, connect, schema_version
from broker.engines.sqlite.packing import unpack_text
from broker.engines.stored_tables import StoredTable, row_sum
from broker.errors import StoreUnavailable, StoreUnusable


class SqliteMovedFrom:
    """See broker.engines.moving.MovedFrom. It reads beside a daemon that uses the store."""

    def __init__(self, path: Path) -> None:
        """Raises StoreUnavailable and StoreCorrupt."""
        self._path = resolve_links(path)
        self._lock = LockFile(self._path)
        self._is_held = False
        check_readable(self._path)
        check_companions(self._path, read_note(self._path))
        self.place = f"sqlite://{self._path}"
        with translate_errors(self._path):
            self._db = connect(self._path, read_only=True)
            self._db.create_function("row_sum", -1, row_sum, deterministic=True)
            self._db.executescript(_OURS)
        if schema_version(self._db) != MIGRATIONS[-1][0]:
            self._db.close()
            raise StoreUnusable(f"{path} is of an older version; start its daemon once, which brings it up to date")

    async def ranges(self, table: StoredTable) -> Mapping[Range, str]:
        """See MovedFrom."""
        with translate_errors(self._path):
            if table.name == "decisions":
                self._db.execute("DELETE FROM temp.told_by")
                self._db.execute(_LEARN_TOLD_BY)
            return _ranges(self._db, table)

    async def read_range(self, table: StoredTable, wanted: Range) -> tuple[str, Sequence[Row]]:
        """See MovedFrom."""
        with translate_errors(self._path):
            self._db.execute("BEGIN")
            try:
                if table.name == "decisions":  # what was decided since is for the next look
                    rows = rows_between(self._db, table, *wanted.bounds(table), name="moved_decisions")
                    return f"{len(rows)} {sum(row[0] for row in rows)}", rows
                mark = _ranges(self._db, table, wanted).get(wanted, "")
                return mark, rows_between(self._db, table, *wanted.bounds(table))
            finally:
                self._db.execute("COMMIT")

    async def read(self, table: StoredTable, after: Key, limit: int) -> Sequence[Row]:
        """See MovedFrom."""
        with translate_errors(self._path):
            return rows_between(self._db, table, after, (), limit)

    async def numbers(self) -> Mapping[str, int]:
        """See MovedFrom."""
        with translate_errors(self._path):
            given = self._db.execute("SELECT name, value FROM sums WHERE topic_uid = '' AND kind = 'number'")
            return dict([*self._db.execute("SELECT name, value FROM numbers"), *given])

    async def size(self, table: StoredTable) -> int:
        """See MovedFrom."""
        with translate_errors(self._path):
            return int(self._db.execute(_SIZES.get(table.name, _count(table))).fetchone()[0] or 0)

    async def hold(self) -> bool:
        """See MovedFrom."""
        if not self._is_held:
            try:
                self._lock.take()
            except StoreUnusable:
                raise
            except StoreUnavailable:
                return False
            self._is_held = True
        return True

    async def close(self) -> None:
        """See MovedFrom."""
        self._db.close()
        self._lock.release()


_OURS = """
CREATE TEMP TABLE told_by (decision INTEGER PRIMARY KEY, delivery INTEGER NOT NULL);
CREATE TEMP VIEW moved_decisions AS
SELECT seq, topic_uid, offset, item, rule, send, destination, key, outcome, by, at_us, version, offset_us
FROM main.decisions
UNION ALL
SELECT d.decision, d.topic_uid, d.offset, d.item, d.rule, d.send, p.destination, d.key, 'sent', '', d.created_us,
  d.version, 0
FROM temp.told_by AS t JOIN main.deliveries AS d ON d.seq = t.delivery AND d.decision = t.decision
JOIN main.progress AS p ON p.seq = d.seq;
"""
"""Decisions that deliveries tell of have no index by their numbers in the store: it is made here, anew for each look.

``moved_decisions`` is ``whole_decisions`` with it.
"""
_LEARN_TOLD_BY = "INSERT INTO temp.told_by SELECT decision, seq FROM main.deliveries WHERE decision > 0"

MESSAGE_NUMBER = "(? << 44) + ?"
"""The number by which SQLite finds a message, of its log's and its offset."""

_SIZES = {
    "messages": 'SELECT sum("end" - first) FROM whole_logs WHERE NOT gone',
    "deliveries": "SELECT max(seq) - min(seq) + 1 FROM deliveries",
    "progress": "SELECT max(seq) - min(seq) + 1 FROM progress",
    "decisions": "SELECT max(seq) - min(seq) + 1 FROM decisions",
}
"""Guesses for tables that take long to count."""


def _count(table: StoredTable) -> str:
    return f"SELECT count(*) FROM {table.sqlite_name}"  # noqa: S608 - our own names


def count_rows(db: sqlite3.Connection, table: StoredTable) -> int:
    """How many rows a table has."""
    rows: int = db.execute(_count(table)).fetchone()[0]
    return rows


def column_names(table: StoredTable) -> list[str]:
    """What SQLite calls the columns."""
    return [table.in_sqlite.get(column, column) for column in table.columns]


def rows_between(
    db: sqlite3.Connection,
    table: StoredTable,
    after: Key,
    upto: Key,
    limit: int = -1,
    *,
    all_messages: bool = False,
    name: str = "",
) -> list[Row]:
    """The rows behind a key, up to one, as the other engine keeps them.

    Messages past their retention that were not removed yet are none, unless ``all_messages`` are asked for. ``name`` is
    what to read instead of the table, or view, that tells all of it.
    """
    names = column_names(table)
    bounds = [key_condition(table, sign, len(key)) for key, sign in ((after, ">"), (upto, "<=")) if key]
    if table.name == "messages" and not all_messages:
        bounds.append("offset >= (SELECT first FROM logs WHERE id = log AND NOT gone)")
    text = (
        f"SELECT {', '.join(names)} FROM {name or table.sqlite_name} "  # noqa: S608 - our own names
        f"{'WHERE' if bounds else ''} {' AND '.join(bounds)} ORDER BY {_order(table, names)} LIMIT ?"
    )
    flags = [place for place, column in enumerate(table.columns) if column in table.yes_or_no]
    rows = [_as_told(row, flags) for row in db.execute(text, (*after, *upto, limit))]
    return [_unpack_row(row, names.index("data")) for row in rows] if table.name == "messages" else rows


def key_condition(table: StoredTable, sign: str, count: int) -> str:
    """The condition that the first ``count`` columns of a key stand in a relation to parameters."""
    if table.name == "messages":
        return f"id {sign} {MESSAGE_NUMBER}"
    return f"({', '.join(column_names(table)[:count])}) {sign} ({', '.join('?' * count)})"


def _order(table: StoredTable, names: Sequence[str]) -> str:
    return "id" if table.name == "messages" else ", ".join(names[: table.keys])


def _unpack_row(row: Row, place: int) -> Row:
    return (*row[:place], unpack_text(row[place]), *row[place + 1 :])


def _as_told(row: tuple[Any, ...], flags: Sequence[int]) -> Row:
    if not flags:
        return row
    values = list(row)
    for place in flags:
        values[place] = bool(values[place])
    return tuple(values)


def _ranges(db: sqlite3.Connection, table: StoredTable, only: Range | None = None) -> dict[Range, str]:
    if table.name == "messages":
        where = "" if only is None else f" AND id = {only.log:d}"
        logs = db.execute(f'SELECT id, first, "end" FROM whole_logs WHERE NOT gone{where}')  # noqa: S608
        return marks_of_logs(logs, table.each)
    number = table.columns[0]
    sums = f"sum(row_sum({', '.join(column_names(table))}))" if table.change else f"sum({number})"
    where = ""
    if only is not None:
        where = f"WHERE {number} BETWEEN {only.number * table.each:d} AND {(only.number + 1) * table.each - 1:d}"
    text = f"SELECT {number} / {table.each}, count(*), {sums} FROM {table.sqlite_name} {where} GROUP BY 1"  # noqa: S608
    return {Range(0, place): f"{rows} {total}" for place, rows, total in db.execute(text)}
