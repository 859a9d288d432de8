"""The tables of a store as both SQL engines have them: what is moved from one to the other, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table with its columns as PostgreSQL has them; ``in_sqlite`` are those that SQLite calls otherwise.

    ``yes_or_no`` are kept as 0 and 1 there. ``sums`` says that rows here are kept by shard, which SQLite knows not. The
    first ``keys`` columns name a row. A table that grows with use is moved in ranges of ``each`` numbers (0: whole);
    rows that ``change`` once they stand are compared by what they hold, others by how many there are.
    """

    name: str
    columns: tuple[str, ...]
    keys: int = 1
    each: int = 0
    change: bool = True
    in_sqlite: Mapping[str, str] = field(default_factory=dict)
    yes_or_no: frozenset[str] = frozenset()
    sqlite_name: str = ""
    sums: bool = False


def _table(
    name: str,
    columns: str,
    yes_or_no: str = "",
    sqlite_name: str = "",
    *,
    keys: int = 1,
    each: int = 0,
    change: bool = True,
    **in_sqlite: str,
) -> StoredTable:
    return StoredTable(
        name,
        tuple(columns.split()),
        keys,
        each,
        change,
        in_sqlite,
        frozenset(yes_or_no.split()),
        sqlite_name or name,
        sums=name in ("balances", "counters", "state_counts"),
    )


TABLES: Final = (
    _table(
        "logs",
        "id uid first_offset end_offset bytes_total upto stored_bytes last_publish_us previous_publish_us last_batch "
        "created_us gone ahead_us",
        "gone",
        "whole_logs",
        first_offset="first",
        end_offset='"end"',
    ),
    _table(
        "messages", "log msg_offset at_us upto data attributes", keys=2, each=256, change=False, msg_offset="offset"
    ),
    _table("publish_offsets", "log msg_offset ahead_us", keys=2, msg_offset="offset"),
    _table(
        "producer_keys",
        "log key first_offset messages publish_time_us at_us",
        keys=2,
        first_offset="first",
        messages="count",
    ),
    _table(
        "cursors",
        "id at_offset rev pending_to pending_at_us messages_total bytes_total last_consumed_us consume_rate",
        at_offset="offset",
    ),
    _table(
        "deliveries",
        "seq id origin rule send part parts phase key incident stands_for topic_uid msg_offset version places severity "
        "due_us created_us post",
        each=1024,
        change=False,
        msg_offset="offset",
    ),
    _table(
        "progress",
        "seq destination order_key priority place head state due_us leased lease attempts tries form by settled_us "
        "first_tried_us unclear late offset_us",
        "head leased unclear late",
        each=4096,
    ),
    _table(
        "attempts",
        "delivery number at_us took_us outcome reason counted unclear form",
        "counted unclear",
        keys=2,
        each=4096,
        sqlite_name="tries",
    ),
    _table("receipts", "destination order_key receipt at_us", keys=2),
    _table("balances", "topic_uid destination state by deliveries stands_for", keys=4),
    _table("state", "key version rule topic_uid due_us expires_us value waits_for offset_us"),
    _table("state_counts", "rule held", held="rows"),
    _table(
        "decisions",
        "seq topic_uid msg_offset item rule send destination key outcome by at_us version offset_us",
        each=4096,
        change=False,
        sqlite_name="whole_decisions",
        msg_offset="offset",
    ),
    _table("counters", "topic_uid name value", keys=2),
    _table("catalog", "kind key place version seq body", keys=2),
    _table("clock_marks", "boot monotonic_us wall_us offset_us newest_us", sqlite_name="clock_mark"),
)
"""In the order in which they are moved."""


@dataclass(slots=True)
class TableCount:
    """How many rows there are, and a checksum over them that no order changes."""

    rows: int = 0
    checksum: int = 0

    def add(self, row: Iterable[Any]) -> None:
        """Count one more."""
        self.rows += 1
        self.checksum = (self.checksum + row_sum(*row)) % 2**64

    def add_all(self, rows: Iterable[Iterable[Any]]) -> TableCount:
        """Count many more, and return this."""
        for row in rows:
            self.add(row)
        return self


def row_sum(*row: Any) -> int:
    """A checksum over one row."""
    return crc32(repr(row).encode(errors="surrogatepass"))
