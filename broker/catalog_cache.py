"""The catalog in memory: what every request looks things up in, so that no request asks the store for them.

The mirror is fed by ``Catalog.changes`` and by the answers to its own writes, so a node sees its own writes at once
and those of others within milliseconds. Every entry carries the catalog's change number; an older number
never replaces a newer one, in whatever order the two feeds bring them.

On an engine shared by several nodes the mirror knows how old it may be: each second it asks for the catalog's
number and counts as fresh up to that moment once it has applied everything up to it. Beyond ``max_staleness_s`` it
refuses to answer, so a revoked token dies within that time even when the store cannot be reached.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import structlog

from broker.clock import Clock
from broker.conflicts import retry_on_conflict
from broker.errors import AlreadyExists, NotFound, StoreError, StoreUnavailable, VersionMoved
from broker.model import CatalogChange, Changed, Put, Remove, Stored
from broker.names import child_key
from broker.records import KINDS, AnyRecord, Project, Schema, Subscription, Topic, User, kind_of
from broker.store import Catalog

R = TypeVar("R", bound=AnyRecord)

_RETRY_S: Final = 1.0
_KIND_NAMES: Final[dict[type[Any], str]] = {record_type: name for name, record_type in KINDS.items()}

log = structlog.get_logger("catalog")


@dataclass(slots=True)
class _Shelf:
    """The records of one kind. ``by_uid`` keeps the order of creation; ``gone`` the last number of removed keys."""

    by_key: dict[str, Stored] = field(default_factory=dict)
    by_uid: dict[str, Stored] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)


class CatalogCache:
    """The catalog's records in memory, kept up with the store. Call ``load`` once, then keep ``follow`` running.

    ``max_staleness_s`` None is for an engine that only this process writes to.
    """

    def __init__(self, catalog: Catalog, clock: Clock, max_staleness_s: float | None = None) -> None:
        self._catalog = catalog
        self._clock = clock
        self._max_staleness_s = max_staleness_s
        self._shelves = {kind: _Shelf() for kind in KINDS}
        self._digests: dict[str, str] = {}  # token digest -> user uid
        self._applied_seq = 0
        self._fresh_at = clock.monotonic()
        self._loaded = False
        self._revision = 0
        self._changed = asyncio.Event()

    # --- Keeping up ---------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read the whole catalog. Raises StoreUnavailable."""
        asked_at = self._clock.monotonic()
        seq = await self._catalog.seq()
        for kind in KINDS:
            for stored in await self._catalog.list(kind):
                self._apply(stored)
        self._applied_seq = max(self._applied_seq, seq)
        self._fresh_at = asked_at
        self._loaded = True

    async def follow(self) -> None:
        """Apply what changes, for ever; a store that cannot be reached is tried again each second."""
        if not self._loaded:
            await self.load()
        confirming = asyncio.create_task(self._confirm(), name="catalog-confirm")
        try:
            while True:
                try:
                    async for change in self._catalog.changes(self._applied_seq):
                        self._apply_change(change)
                except StoreUnavailable:
                    pass  # what was applied stays; check_fresh tells how old it is
                await self._clock.sleep(_RETRY_S)
        finally:
            confirming.cancel()
            await asyncio.gather(confirming, return_exceptions=True)

    def check_fresh(self) -> None:
        """Raises StoreUnavailable when the mirror may be older than it is allowed to be."""
        if not self._loaded:
            raise StoreUnavailable("the catalog is not loaded yet", "stale")
        if self._max_staleness_s is None:
            return
        age_s = self._clock.monotonic() - self._fresh_at
        if age_s > self._max_staleness_s:
            raise StoreUnavailable(f"the catalog was last confirmed {age_s:.0f} s ago", "stale")

    @property
    def revision(self) -> int:
        """A number that changes with each change of the catalog: what was looked up under the same one is still so."""
        return self._revision

    async def wait_change(self, seen: int) -> int:
        """Return a number above ``seen`` once anything changed since; start with 0."""
        while self._revision <= seen:
            self._changed.clear()
            await self._changed.wait()
        return self._revision

    async def _confirm(self) -> None:
        if self._max_staleness_s is None:
            return
        waiting: tuple[int, float] | None = None
        while True:
            if waiting is None:
                asked_at = self._clock.monotonic()
                try:
                    waiting = await self._catalog.seq(), asked_at
                except StoreUnavailable:
                    waiting = None
            if waiting is not None and self._applied_seq >= waiting[0]:
                self._fresh_at = waiting[1]
                waiting = None
            await self._clock.sleep(_RETRY_S if waiting is None else 0.05)

    # --- Looking up ---------------------------------------------------------------------------------

    def find(self, record_type: type[R], key: str) -> R | None:
        """The record under a catalog key, or None."""
        stored = self._shelves[_KIND_NAMES[record_type]].by_key.get(key)
        return None if stored is None else cast(R, stored.record)

    def find_by_uid(self, record_type: type[R], uid: str) -> R | None:
        """The record with this uid, or None."""
        stored = self._shelves[_KIND_NAMES[record_type]].by_uid.get(uid)
        return None if stored is None else cast(R, stored.record)

    def list_all(self, record_type: type[R], prefix: str = "") -> list[R]:
        """Every record of a kind whose key begins with ``prefix``, in the order of creation."""
        records = [s for s in self._shelves[_KIND_NAMES[record_type]].by_uid.values() if s.key.startswith(prefix)]
        records.sort(key=lambda stored: stored.record.created_us)
        return [cast(R, stored.record) for stored in records]

    def project(self, name: str) -> Project | None:
        """A project by name, or None."""
        return self.find(Project, name)

    def topic(self, project_uid: str, name: str) -> Topic | None:
        """A topic by name, or None."""
        return self.find(Topic, child_key(project_uid, name))

    def subscription(self, project_uid: str, name: str) -> Subscription | None:
        """A subscription by name, or None."""
        return self.find(Subscription, child_key(project_uid, name))

    def schema(self, project_uid: str, name: str) -> Schema | None:
        """A schema by name, or None."""
        return self.find(Schema, child_key(project_uid, name))

    def find_user_by_digest(self, digest: str) -> User | None:
        """The user whose token has this digest, or None; the last comparison takes the same time for all."""
        uid = self._digests.get(digest)
        user = None if uid is None else self.find_by_uid(User, uid)
        if user is None or not hmac.compare_digest(user.token_digest, digest):
            return None
        return user

    # --- Writing ------------------------------------------------------------------------------------

    async def write(self, changes: Sequence[CatalogChange]) -> list[Stored]:
        """Write all or nothing and see it at once. Raises VersionMoved, StoreUnavailable, OutcomeUnknown."""
        try:
            written = list(await self._catalog.write(changes))
        except VersionMoved as moved:
            await self.refresh(moved.kind, moved.key)
            raise
        for change in changes:
            if isinstance(change, Remove):
                self._drop(change.kind, change.key, self._seq_of(change.kind, change.key))
        for stored in written:
            self._apply(stored)
        return written

    async def create(self, record: R, key: str) -> R:
        """Store a new record under a free key. Raises AlreadyExists."""
        try:
            (stored,) = await self.write([Put(key, record, expected_version=0)])
        except VersionMoved as moved:
            raise AlreadyExists(moved.kind, key.rpartition("/")[2]) from moved
        return cast(R, stored.record)

    async def change(self, record: R, key_of: Callable[[R], str], edit: Callable[[R], R]) -> R:
        """Replace a record by ``edit`` of how it stands now, again and again until nobody came in between.

        The record is followed by its uid, so a rename meanwhile does no harm. Raises NotFound when it was removed, and
        AlreadyExists when the edit gives it a name that is taken.
        """
        kind = kind_of(record)

        async def step() -> R:
            stored = self._shelves[kind].by_uid.get(record.uid)
            if stored is None:
                raise NotFound(kind, key_of(record).rpartition("/")[2])
            new = edit(cast(R, stored.record))
            key = key_of(new)
            renamed = key != stored.key
            try:
                (written,) = await self.write([Put(key, new, stored.version, stored.key if renamed else None)])
            except VersionMoved as moved:
                if renamed and self.find(type(record), key) is not None:
                    raise AlreadyExists(kind, key.rpartition("/")[2]) from moved
                raise
            return cast(R, written.record)

        return await retry_on_conflict(step, what=f"{kind} {record.uid}", on=VersionMoved)

    async def remove(self, *records: AnyRecord) -> None:
        """Remove records in one transaction, whatever their versions are by now; missing ones are passed over."""

        async def step() -> None:
            stored = [self._shelves[kind_of(record)].by_uid.get(record.uid) for record in records]
            doomed = [Remove(s.kind, s.key, s.version) for s in stored if s is not None]
            if doomed:
                await self.write(doomed)

        await retry_on_conflict(step, what="one of the records", on=VersionMoved)

    def get_stored(self, record: AnyRecord) -> Stored | None:
        """How a record stands now (key and version), for a caller that commits a change of it together with others."""
        return self._shelves[kind_of(record)].by_uid.get(record.uid)

    async def refresh(self, kind: str, key: str) -> None:
        """Read one record again from the store."""
        stored = await self._catalog.read(kind, key)
        if stored is not None:
            self._apply(stored)
        else:
            self._drop(kind, key, self._seq_of(kind, key))

    async def refresh_written(self, kind: str, key: str) -> None:
        """See a record that the caller has written; what fails here is no failure of the write.

        The feed of changes shows it as soon as the store answers again.
        """
        try:
            await self.refresh(kind, key)
        except StoreError as error:
            log.warning("what was written is seen as soon as the store answers", key=key, reason=str(error))

    # --- Inside -------------------------------------------------------------------------------------

    def _seq_of(self, kind: str, key: str) -> int:
        stored = self._shelves[kind].by_key.get(key)
        return 0 if stored is None else stored.seq

    def _apply_change(self, change: Changed) -> None:
        if change.stored is None:
            shelf = self._shelves[change.kind]
            if change.seq > self._seq_of(change.kind, change.key):
                self._drop(change.kind, change.key, change.seq)
                shelf.gone.pop(change.key, None)
        else:
            self._apply(change.stored)
        self._applied_seq = max(self._applied_seq, change.seq)

    def _apply(self, stored: Stored) -> None:
        shelf = self._shelves[stored.kind]
        known = max(self._seq_of(stored.kind, stored.key), shelf.gone.get(stored.key, 0))
        earlier = shelf.by_uid.get(stored.record.uid)
        if stored.seq <= known or (earlier is not None and stored.seq <= earlier.seq):
            return
        replaced = shelf.by_key.get(stored.key)
        if replaced is not None and replaced.record.uid != stored.record.uid:
            self._forget(shelf, replaced)
        if earlier is not None and earlier.key != stored.key and shelf.by_key.get(earlier.key) is earlier:
            del shelf.by_key[earlier.key]
            shelf.gone[earlier.key] = earlier.seq
        shelf.by_key[stored.key] = stored
        shelf.by_uid[stored.record.uid] = stored
        shelf.gone.pop(stored.key, None)
        if isinstance(stored.record, User):
            if earlier is not None:
                self._forget_digest(earlier)
            self._digests[stored.record.token_digest] = stored.record.uid
        self._tell()

    def _drop(self, kind: str, key: str, seq: int) -> None:
        shelf = self._shelves[kind]
        stored = shelf.by_key.get(key)
        if stored is None:
            return
        del shelf.by_key[key]
        shelf.gone[key] = seq
        self._forget(shelf, stored)
        self._tell()

    def _forget(self, shelf: _Shelf, stored: Stored) -> None:
        if shelf.by_uid.get(stored.record.uid) is stored:
            del shelf.by_uid[stored.record.uid]
        self._forget_digest(stored)

    def _forget_digest(self, stored: Stored) -> None:
        record = stored.record
        if isinstance(record, User) and self._digests.get(record.token_digest) == record.uid:
            del self._digests[record.token_digest]

    def _tell(self) -> None:
        self._revision += 1
        self._changed.set()


def newest_first(records: Iterable[R]) -> list[R]:
    """Records in the order lists are shown: the youngest first."""
    return list(records)[::-1]
