"""The Catalog on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from broker.engines.postgres.calls import Together
from broker.engines.postgres.connections import ReadConnections
from broker.engines.postgres.queries import load
from broker.engines.postgres.unit import Unit, UnitNeeds
from broker.engines.postgres.waking import CATALOG, Waking
from broker.engines.postgres.writer import GroupWrites
from broker.engines.texts import after_prefix
from broker.errors import StoreUnavailable, VersionMoved
from broker.model import CatalogChange, Changed, Put, Remove, Stored
from broker.records import AnyRecord, kind_of, record_from_bytes, record_to_bytes

_SQL = load("catalog")
_FEED_ROWS: Final = 500


class PostgresCatalog:
    """See broker.store.Catalog."""

    def __init__(self, writer: GroupWrites, readers: ReadConnections, waking: Waking) -> None:
        self._writer = writer
        self._readers = readers
        self._waking = waking

    async def read(self, kind: str, key: str) -> Stored | None:
        """See Catalog."""
        rows = await self._readers.rows(_SQL["read"], (kind, key))
        return _read_stored(*rows[0]) if rows else None

    async def list(self, kind: str, prefix: str = "") -> Sequence[Stored]:
        """See Catalog."""
        rows = await self._readers.rows(_SQL["list"], (kind, prefix, after_prefix(prefix)))
        return [_read_stored(*row) for row in rows]

    async def write(self, changes: Sequence[CatalogChange]) -> Sequence[Stored]:
        """See Catalog."""

        def make(unit: Unit) -> Sequence[Stored]:
            prepared = prepare_changes(unit, changes)
            prepared.apply(unit)
            return prepared.stored

        return await self._writer.run(Together(want=lambda wanted: want_records(wanted, changes), make=make))

    async def changes(self, since_seq: int) -> AsyncIterator[Changed]:
        """See Catalog."""
        while True:
            with self._waking.listen(CATALOG) as rung:
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
        try:
            rows = await self._readers.rows(_SQL["feed"], (since_seq, _FEED_ROWS))
        except StoreUnavailable:
            if self._readers.is_closed:
                return None
            raise
        return [_change_of(*row) for row in rows]

    async def seq(self) -> int:
        """See Catalog."""
        seq: int = (await self._readers.rows(_SQL["seq"]))[0][0]
        return seq


@dataclass(slots=True)
class Prepared:
    """Catalog changes that hold, not made yet."""

    records: dict[tuple[str, str], tuple[int, int] | None]
    puts: dict[tuple[str, str], tuple[int, int, int, bytes | None]]
    stored: list[Stored]
    seq: int

    def apply(self, unit: Unit) -> None:
        """Make the changes in the unit."""
        for name, record in self.records.items():
            if record is None:
                unit.records.pop(name, None)
            else:
                unit.records[name] = record
        unit.record_puts.update(self.puts)
        unit.catalog_seq = self.seq


def want_records(wanted: UnitNeeds, changes: Sequence[CatalogChange]) -> None:
    """Name the records that changes look at."""
    for change in changes:
        match change:
            case Put():
                kind = kind_of(change.record)
                wanted.records.update([(kind, change.key), (kind, change.old_key or change.key)])
            case Remove():
                wanted.records.add((change.kind, change.key))
            case _:
                assert_never(change)


def prepare_changes(unit: Unit, changes: Sequence[CatalogChange]) -> Prepared:
    """What catalog changes would do, in order. Raises VersionMoved."""
    prepared = Prepared({}, {}, [], unit.catalog_seq)
    for change in changes:
        match change:
            case Put():
                prepared.stored.append(_put(unit, prepared, change))
            case Remove():
                _take(unit, prepared, (change.kind, change.key), change.expected_version)
            case _:
                assert_never(change)
    return prepared


def _put(unit: Unit, prepared: Prepared, change: Put) -> Stored:
    kind = kind_of(change.record)
    name, old_name = (kind, change.key), (kind, change.old_key or change.key)
    if name != old_name and _standing(unit, prepared, name) is not None:
        raise VersionMoved(*name)
    place, version = _standing(unit, prepared, old_name) or (0, 0)
    if version != change.expected_version:
        raise VersionMoved(*old_name)
    if name != old_name:
        _take(unit, prepared, old_name, version)
    prepared.seq += 1
    place = place or prepared.seq
    prepared.records[name] = place, version + 1
    prepared.puts[name] = place, version + 1, prepared.seq, record_to_bytes(change.record)
    return Stored(kind, change.key, change.record, version + 1, prepared.seq)


def _take(unit: Unit, prepared: Prepared, name: tuple[str, str], version: int) -> None:
    record = _standing(unit, prepared, name)
    if record is None or record[1] != version:
        raise VersionMoved(*name)
    prepared.seq += 1
    prepared.records[name] = None
    prepared.puts[name] = 0, 0, prepared.seq, None


def _standing(unit: Unit, prepared: Prepared, name: tuple[str, str]) -> tuple[int, int] | None:
    """Place and version of a record, or None when there is none."""
    return prepared.records[name] if name in prepared.records else unit.records.get(name)


def _read_stored(kind: str, key: str, version: int, seq: int, body: bytes) -> Stored:
    record: AnyRecord = record_from_bytes(kind, body)
    return Stored(kind, key, record, version, seq)


def _change_of(kind: str, key: str, version: int, seq: int, body: bytes | None) -> Changed:
    return Changed(seq, kind, key, None if body is None else _read_stored(kind, key, version, seq, body))
