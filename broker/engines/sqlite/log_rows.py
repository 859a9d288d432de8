"""The logs' own rows and the messages a group of writes appends: kept in memory, written in a few statements.

An append writes its messages alone: the last one says how its log stands (``whole_logs``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.engines.message_rows import MessageRow
from broker.engines.sqlite.packing import pack_text
from broker.engines.sqlite.queries import load

_SQL = load("log")


@dataclass(slots=True)
class LogRow:
    """A row of ``logs``; ``id`` 0 when it is not stored yet."""

    id: int
    uid: str
    first: int = 0
    end: int = 0
    bytes_total: int = 0
    upto: int = 0
    stored_bytes: int = 0
    last_publish_us: int = 0
    previous_publish_us: int = 0
    last_batch: int = 0
    created_us: int = 0
    gone: int = 0
    ahead_us: int = 0


class LogRows:
    """Every log that was written to since the file was opened, as of the last commit plus this group's changes."""

    def __init__(self) -> None:
        self._rows: dict[str, LogRow] = {}
        self._changed: dict[str, LogRow] = {}
        self._to_be_written: set[str] = set()
        self._aheads: list[tuple[int, int, int]] = []
        self._messages: list[tuple[int, int, int, int, int, int, int, bytes, str | bytes]] = []

    def get(self, db: sqlite3.Connection, uid: str) -> LogRow | None:
        """The log as this group sees it, or None."""
        row = self._changed.get(uid) or self._rows.get(uid)
        if row is None:
            columns = db.execute(_SQL["log"], (uid,)).fetchone()
            if columns is not None:
                row = self._rows[uid] = LogRow(*columns)
        return row

    def change(self, db: sqlite3.Connection, uid: str, now_us: int, *, appends: bool = False) -> LogRow:
        """The log, to be changed in place; made when there is none. Its row is written unless one only ``appends``."""
        if not appends:
            self._to_be_written.add(uid)
        if uid not in self._changed:
            row = self.get(db, uid)
            if row is None:
                log_id = db.execute(_SQL["create_log"], (uid, now_us)).lastrowid
                row = LogRow(log_id or 0, uid, created_us=now_us)
            self._changed[uid] = replace(row)
        return self._changed[uid]

    def append(self, row: LogRow, messages: Sequence[MessageRow], text_bytes: int, at_us: int, steady_us: int) -> None:
        """Add messages at the end of a log that is being changed; steady time never falls within a log."""
        offset, upto = row.end, row.upto
        ahead_us = at_us - max(steady_us, row.last_publish_us - row.ahead_us)
        if ahead_us != row.ahead_us:
            row.ahead_us = ahead_us
            self._to_be_written.add(row.uid)
            self._aheads.append((row.id, row.end, ahead_us))
        row.bytes_total += text_bytes
        behind = row.bytes_total, at_us - row.last_publish_us, len(messages)
        for data, attributes, size_bytes in messages:
            upto += size_bytes
            self._messages.append((row.id, offset, at_us, upto, *behind, attributes, pack_text(data)))
            offset += 1
        row.end = offset
        row.stored_bytes += upto - row.upto
        row.upto = upto
        row.previous_publish_us, row.last_publish_us = row.last_publish_us, at_us
        row.last_batch = len(messages)

    def flush(self, db: sqlite3.Connection) -> None:
        """See Kept."""
        if self._messages:
            db.executemany(_SQL["add_message"], self._messages)
            self._messages.clear()
        if self._aheads:
            db.executemany(_SQL["put_ahead"], self._aheads)
            self._aheads.clear()
        if self._to_be_written:
            db.executemany(_SQL["put_log"], [_values(self._changed[uid]) for uid in self._to_be_written])
            self._to_be_written.clear()

    def settle(self) -> None:
        """See Kept."""
        self._rows.update(self._changed)
        self._changed.clear()

    def forget(self) -> None:
        """See Kept."""
        self._to_be_written.clear()
        self._rows.clear()
        self._changed.clear()
        self._messages.clear()
        self._aheads.clear()


def _values(row: LogRow) -> tuple[int, ...]:
    return (
        row.first,
        row.end,
        row.bytes_total,
        row.upto,
        row.stored_bytes,
        row.last_publish_us,
        row.previous_publish_us,
        row.last_batch,
        row.gone,
        row.ahead_us,
        row.id,
    )
