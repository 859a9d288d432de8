"""The Catalog on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Final, assert_never

from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.engines.texts import after_prefix
from broker.engines.wakeups import EdgeSignals
from broker.errors import StoreUnavailable, VersionMoved
from broker.model import CatalogChange, Changed, Put, Remove, Stored
from broker.records import AnyRecord, kind_of, record_from_bytes, record_to_bytes

_SQL = load("catalog")
_FEED_ROWS: Final = 500


class SqliteCatalog:
    """See broker.store.Catalog."""

    def __init__(self, writer: Writes, readers: Readers, bells: EdgeSignals) -> None:
        self._writer = writer
        self._readers = readers
        self._bells = bells

    async def read(self, kind: str, key: str) -> Stored | None:
        """See Catalog."""

        def read(db: sqlite3.Connection) -> Stored | None:
            row = db.execute(_SQL["read"], (kind, key)).fetchone()
            return _read_stored(*row) if row else None

        return await self._readers.read_at_once(read)

    async def list(self, kind: str, prefix: str = "") -> Sequence[Stored]:
        """See Catalog."""

        def read(db: sqlite3.Connection) -> Sequence[Stored]:
            rows = db.execute(_SQL["list"], (kind, prefix, after_prefix(prefix)))
            return [_read_stored(*row) for row in rows]

        return await self._readers.read_on_thread(read)

    async def write(self, changes: Sequence[CatalogChange]) -> Sequence[Stored]:
        """See Catalog."""

        def work(transaction: Transaction) -> Sequence[Stored]:
            return apply_changes(transaction, changes)

        return await self._writer.run(work, lambda: self._bells.ring("catalog"))

    async def changes(self, since_seq: int) -> AsyncIterator[Changed]:
        """See Catalog."""
        while True:
            with self._bells.listen("catalog") as rung:
                news = await self._news(since_seq)
                if news is None:
                    return
                if not news:
                    await rung
            for change in news:
                since_seq = change.seq
                yield change

    async def _news(self, since_seq: int) -> Sequence[Changed] | None:
        """What changed after ``since_seq``, in order and not all at once; None when the store was closed."""

        def read(db: sqlite3.Connection) -> Sequence[Changed]:
            return [_change_of(*row) for row in db.execute(_SQL["feed"], (since_seq, _FEED_ROWS))]

        try:
            return await self._readers.read_on_thread(read)
        except StoreUnavailable:
            if self._readers.is_closed:
                return None
            raise

    async def seq(self) -> int:
        """See Catalog."""

        def read(db: sqlite3.Connection) -> int:
            seq: int = db.execute(_SQL["seq"]).fetchone()[0]
            return seq

        return await self._readers.read_at_once(read)


def apply_changes(transaction: Transaction, changes: Sequence[CatalogChange]) -> list[Stored]:
    """Make catalog changes in order and return what stands for each Put. Raises VersionMoved."""
    stored = []
    for change in changes:
        match change:
            case Put():
                stored.append(_put(transaction, change))
            case Remove():
                _take(transaction, change.kind, change.key, change.expected_version)
            case _:
                assert_never(change)
    return stored


def _put(transaction: Transaction, change: Put) -> Stored:
    db, kind = transaction.db, kind_of(change.record)
    key, old_key = change.key, change.old_key or change.key
    if key != old_key and _standing(db, kind, key) is not None:
        raise VersionMoved(kind, key)
    stored = _standing(db, kind, old_key)
    place, version = stored or (0, 0)
    if version != change.expected_version:
        raise VersionMoved(kind, old_key)
    if key != old_key:
        _take(transaction, kind, old_key, version)
    seq = transaction.numbers.take_next(db, "catalog")
    db.execute(_SQL["put"], (kind, key, place or seq, version + 1, seq, record_to_bytes(change.record)))
    return Stored(kind, key, change.record, version + 1, seq)


def _take(transaction: Transaction, kind: str, key: str, version: int) -> None:
    stored = _standing(transaction.db, kind, key)
    if stored is None or stored[1] != version:
        raise VersionMoved(kind, key)
    seq = transaction.numbers.take_next(transaction.db, "catalog")
    transaction.db.execute(_SQL["put"], (kind, key, 0, 0, seq, None))


def _standing(db: sqlite3.Connection, kind: str, key: str) -> tuple[int, int] | None:
    """Place and version of a record, or None when there is none."""
    row: tuple[int, int] | None = db.execute(_SQL["standing"], (kind, key)).fetchone()
    return row


def _read_stored(kind: str, key: str, version: int, seq: int, body: bytes) -> Stored:
    record: AnyRecord = record_from_bytes(kind, body)
    return Stored(kind, key, record, version, seq)


def _change_of(kind: str, key: str, version: int, seq: int, body: bytes | None) -> Changed:
    return Changed(seq, kind, key, None if body is None else _read_stored(kind, key, version, seq, body))
