"""The tables of a store as both SQL engines have them: what is moved from one to the other, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table with its columns as PostgreSQL has them; ``in_sqlite`` are those that SQLite calls otherwise.

    ``yes_or_no`` are kept as 0 and 1 there. ``sums`` says that rows here are kept by shard, which SQLite knows not.
    """

    name: str
    columns: tuple[str, ...]
    in_sqlite: Mapping[str, str] = field(default_factory=dict)
    yes_or_no: frozenset[str] = frozenset()
    sqlite_name: str = ""
    sums: bool = False


def _table(name: str, columns: str, yes_or_no: str = "", sqlite_name: str = "", **in_sqlite: str) -> StoredTable:
    named = tuple(columns.split())
    sums = name in ("balances", "counters", "state_counts")
    return StoredTable(name, named, in_sqlite, frozenset(yes_or_no.split()), sqlite_name or name, sums)


TABLES: Final = (
    _table(
        "logs",
        "id uid first_offset end_offset bytes_total upto stored_bytes last_publish_us previous_publish_us last_batch "
        "created_us gone ahead_us",
        "gone",
        first_offset="first",
        end_offset='"end"',
    ),
    _table("messages", "log msg_offset at_us upto data attributes", msg_offset="offset"),
    _table("publish_offsets", "log msg_offset ahead_us", msg_offset="offset"),
    _table(
        "producer_keys", "log key first_offset messages publish_time_us at_us", first_offset="first", messages="count"
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
        msg_offset="offset",
    ),
    _table(
        "progress",
        "seq destination order_key priority place head state due_us leased lease attempts tries form by settled_us "
        "first_tried_us unclear late offset_us",
        "head leased unclear late",
    ),
    _table(
        "attempts",
        "delivery number at_us took_us outcome reason counted unclear form",
        "counted unclear",
        sqlite_name="tries",
    ),
    _table("receipts", "destination order_key receipt at_us"),
    _table("balances", "topic_uid destination state by deliveries stands_for"),
    _table("state", "key version rule topic_uid due_us expires_us value waits_for offset_us"),
    _table("state_counts", "rule held", held="rows"),
    _table(
        "decisions",
        "seq topic_uid msg_offset item rule send destination key outcome by at_us version offset_us",
        sqlite_name="whole_decisions",
        msg_offset="offset",
    ),
    _table("counters", "topic_uid name value"),
    _table("catalog", "kind key place version seq body"),
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
        self.checksum = (self.checksum + crc32(repr(tuple(row)).encode(errors="surrogatepass"))) % 2**64
