"""The Catalog in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from broker.engines.memory.trouble import Gate
from broker.engines.wakeups import EdgeSignals
from broker.errors import StoreUnavailable, VersionMoved
from broker.model import CatalogChange, Changed, Put, Remove, Stored
from broker.records import kind_of


@dataclass(slots=True)
class Shelf:
    """Everything the catalog holds: records with their place in lists, and the last change of every key."""

    records: dict[tuple[str, str], tuple[int, Stored]]
    feed: dict[tuple[str, str], Changed]
    seq: int = 0

    def copy(self) -> Shelf:
        """A copy of the catalog, to be changed without consequence."""
        return Shelf(dict(self.records), dict(self.feed), self.seq)

    def apply(self, change: CatalogChange) -> Stored | None:
        """Make one change of the catalog. Raises VersionMoved."""
        match change:
            case Put():
                return self._put(kind_of(change.record), change)
            case Remove():
                self._take(change.kind, change.key, change.expected_version)
                return None
            case _:
                assert_never(change)

    def _put(self, kind: str, change: Put) -> Stored:
        key, old_key = change.key, change.old_key or change.key
        if key != old_key and (kind, key) in self.records:
            raise VersionMoved(kind, key)
        place, version = self.seq + 1, 0
        if (kind, old_key) in self.records:
            place, old = self.records[kind, old_key]
            version = old.version
        if version != change.expected_version:
            raise VersionMoved(kind, old_key)
        if key != old_key:
            self._take(kind, old_key, version)
        self.seq += 1
        stored = Stored(kind, key, change.record, version + 1, self.seq)
        self.records[kind, key] = place, stored
        self.feed[kind, key] = Changed(self.seq, kind, key, stored)
        return stored

    def _take(self, kind: str, key: str, version: int) -> None:
        if (kind, key) not in self.records or self.records[kind, key][1].version != version:
            raise VersionMoved(kind, key)
        del self.records[kind, key]
        self.seq += 1
        self.feed[kind, key] = Changed(self.seq, kind, key, None)


class MemoryCatalog:
    """See broker.store.Catalog."""

    def __init__(self, gate: Gate, bells: EdgeSignals) -> None:
        self._gate = gate
        self._bells = bells
        self._shelf = Shelf({}, {})

    async def read(self, kind: str, key: str) -> Stored | None:
        """See Catalog."""
        async with self._gate("catalog.read"):
            stored = self._shelf.records.get((kind, key))
            return stored[1] if stored else None

    async def list(self, kind: str, prefix: str = "") -> Sequence[Stored]:
        """See Catalog."""
        async with self._gate("catalog.list"):
            fitting = [
                placed
                for (its_kind, key), placed in self._shelf.records.items()
                if its_kind == kind and key.startswith(prefix)
            ]
            return [stored for _, stored in sorted(fitting, key=lambda placed: placed[0])]

    async def write(self, changes: Sequence[CatalogChange]) -> Sequence[Stored]:
        """See Catalog."""
        async with self._gate("catalog.write"):
            shelf, stored = self.with_changes(changes)
            self.replace(shelf)
            return stored

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
        """What changed after ``since_seq``, in order; None when the store was closed."""
        try:
            async with self._gate("catalog.changes"):
                news = [change for change in self._shelf.feed.values() if change.seq > since_seq]
                return sorted(news, key=lambda change: change.seq)
        except StoreUnavailable:
            if self._gate.closed:
                return None
            raise

    async def seq(self) -> int:
        """See Catalog."""
        async with self._gate("catalog.seq"):
            return self._shelf.seq

    def with_changes(self, changes: Sequence[CatalogChange]) -> tuple[Shelf, Sequence[Stored]]:
        """What the catalog would hold after ``changes``, which are not made yet. Raises VersionMoved."""
        if not changes:
            return self._shelf, []
        shelf = self._shelf.copy()
        applied = [shelf.apply(change) for change in changes]
        return shelf, [stored for stored in applied if stored is not None]

    def replace(self, shelf: Shelf) -> None:
        """Make the changes that ``with_changes`` prepared."""
        if shelf.seq != self._shelf.seq:
            self._shelf = shelf
            self._bells.ring("catalog")
