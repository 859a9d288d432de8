"""A catalog that may come to be: a copy in memory to try changes on, and to write what changed, all of it or nothing.

Whoever wants several lasting things at once makes them on ``PlannedCatalog.broker`` first, where each is judged as the
real one would judge it, and nothing lasts. ``write`` is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from broker.broker import Broker, BrokerSettings
from broker.catalog_cache import CatalogCache
from broker.engines.memory import MemoryStore
from broker.errors import OutcomeUnknown, StoreError, StoreUnavailable
from broker.model import CatalogChange, Commit, Cursor, CursorMove, Put, Remove, Stored
from broker.names import subscription_cursor
from broker.records import KINDS, Subscription, Topic, kind_of, record_to_bytes

_Place: TypeAlias = tuple[str, str]  # kind and key

_READ_BACK_TRIES: Final = 30
_READ_BACK_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class PlannedCatalog:
    """The copy, as a broker that behaves like the real one; ``base`` is what it was copied from."""

    real: Broker
    broker: Broker
    base: Mapping[_Place, Stored]

    @property
    def changes(self) -> Sequence[CatalogChange]:
        """The changes made on the copy, against the versions it was copied at."""
        planned = _all_records(self.broker.cache)
        gone = [Remove(*place, stored.version) for place, stored in self.base.items() if place not in planned]
        return [*gone, *(change for place, stored in planned.items() if (change := self._put(place, stored)))]

    async def write(self) -> None:
        """Make all changes in one transaction, durable on return; on any error none of them is made.

        Raises VersionMoved or CursorMoved when somebody changed the same things since (plan again), StoreUnavailable,
        and OutcomeUnknown when the store can neither confirm nor deny it for half a minute.
        """
        changes = self.changes
        if not changes:
            return
        try:
            await self.real.store.commit(Commit(cursors=await self._cursors(changes), catalog=changes))
        except OutcomeUnknown as unknown:
            if not await self._stands(changes, unknown):
                raise StoreUnavailable(unknown.reason) from unknown
        await self._show(changes)

    def _put(self, place: _Place, stored: Stored) -> Put | None:
        before = self.base.get(place)
        if before is not None and before.record == stored.record:
            return None
        return Put(stored.key, stored.record, before.version if before is not None else 0)

    async def _cursors(self, changes: Sequence[CatalogChange]) -> list[CursorMove]:
        """Where subscriptions begin: new ones at their topic's end, ones left behind at the start of a new topic."""
        records = [change.record for change in changes if isinstance(change, Put) and change.expected_version == 0]
        moves = []
        for subscription in [record for record in records if isinstance(record, Subscription)]:
            topic = self.real.cache.topic(subscription.project_uid, subscription.topic_name)
            end = (await self.real.store.log.bounds(topic.uid)).end if topic is not None else 0
            moves.append(CursorMove(Cursor(subscription_cursor(subscription.uid), offset=end)))
        for topic in [record for record in records if isinstance(record, Topic)]:
            for subscription in self.real.topics.subscriptions(topic):
                cursor = await self.real.store.cursors.get(subscription_cursor(subscription.uid))
                if cursor is not None:
                    moves.append(CursorMove(replace(cursor, offset=0, pending_to=0, pending_at_us=0)))
        return moves

    async def _stands(self, changes: Sequence[CatalogChange], unknown: OutcomeUnknown) -> bool:
        """Whether the store made the changes after all: read back as soon as it answers. One tells for all."""
        kind, key, wanted = _outcome(changes[0])
        for _ in range(_READ_BACK_TRIES):
            try:
                stored = await self.real.store.catalog.read(kind, key)
            except StoreError:
                await self.real.clock.sleep(_READ_BACK_PAUSE_S)
                continue
            return (record_to_bytes(stored.record) if stored is not None else None) == wanted
        raise unknown

    async def _show(self, changes: Sequence[CatalogChange]) -> None:
        """Let the real broker see what stands now; a store that fails meanwhile shows it in the catalog's feed."""
        for change in changes:
            kind, key, _ = _outcome(change)
            await self.real.cache.refresh_written(kind, key)


async def plan_catalog(real: Broker) -> PlannedCatalog:
    """Copy the catalog as it stands."""
    base = _all_records(real.cache)
    store = MemoryStore(real.clock)
    await store.catalog.write([Put(stored.key, stored.record, 0) for stored in base.values()])
    broker = Broker(store, real.clock, BrokerSettings(sealing_key=real.settings.sealing_key), real.entropy)
    await broker.load()
    return PlannedCatalog(real, broker, base)


def _all_records(cache: CatalogCache) -> dict[_Place, Stored]:
    records = [
        stored for kind in KINDS.values() for record in cache.list_all(kind) if (stored := cache.get_stored(record))
    ]
    return {(stored.kind, stored.key): stored for stored in records}


def _outcome(change: CatalogChange) -> tuple[str, str, bytes | None]:
    """Kind, key, and the bytes of the record that stands there afterwards."""
    match change:
        case Put():
            return kind_of(change.record), change.key, record_to_bytes(change.record)
        case Remove():
            return change.kind, change.key, None
