"""What is in force now: the rule set, silences, and how much state each rule holds.

Reload swaps the rule set in one assignment; routers take it up at their next batch. Silences follow the catalog. When
one ends before its time, or when rules change, what was kept quiet is woken: its rows of state become due, and the
routers look at it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from broker.catalog_cache import CatalogCache
from broker.clock import LEAST_STEP_US, Clock
from broker.errors import VersionMoved
from broker.model import WAKE_ALL, Commit, Put
from broker.records import SilenceRecord
from broker.steady import ClockStep
from broker.store import Store
from rules.deciding.decision_builder import DecideContext
from rules.deciding.quiet.silences import NO_SILENCES, CompiledSilence, SilenceBook, compile_silence
from rules.model import Silence
from rules.ruleset import RuleSet
from rules.source.problems import ProblemsFound

_COUNT_EVERY_S = 15.0

CURRENT: Final = "current-ruleset"
"""The note of the catalog that names the rule set in force."""

log = structlog.get_logger("rules")


class ActiveConfig:
    """The rule set and silences in force, as they change under way: what routers and ``fire`` ask."""

    def __init__(
        self, rule_set: RuleSet, since_us: int, degraded: str = "", *, files: str | None = None, decides: bool = True
    ) -> None:
        """``files`` is the version that this node's files make ("" when they are bad); None: the one in force."""
        self._rule_set = rule_set
        self._since_us = since_us
        self._swapped = asyncio.Event()
        self._news = asyncio.Event()
        self._over = {WAKE_ALL}  # what ended before its time and was not woken yet
        self._silences: SilenceBook = NO_SILENCES
        self._key_counts: Mapping[str, int] = {}
        self.degraded = degraded
        """Why the rule set is another one than the files say, or ""."""
        self.files = rule_set.version if files is None else files
        self._decides = decides

    @property
    def rule_set(self) -> RuleSet:
        """The rules in force."""
        return self._rule_set

    @property
    def since_us(self) -> int:
        """When the rules came into force."""
        return self._since_us

    @property
    def silences(self) -> SilenceBook:
        """The silences that may hold."""
        return self._silences

    def context(self, now_us: int) -> DecideContext:
        """What a decision at ``now_us`` may know beside rules, event and state."""
        return DecideContext(now_us, self._silences, self._key_counts)

    @property
    def decides_by(self) -> str:
        """The version by which this node may decide; "" while it cannot read the one that is current for all nodes."""
        return self._rule_set.version if self._decides else ""

    def swap(self, rule_set: RuleSet, since_us: int, degraded: str = "", *, files: str | None = None) -> None:
        """Put another rule set in force and wake everybody who waits for that; see ``__init__``."""
        self._rule_set, self._since_us, self.degraded = rule_set, since_us, degraded
        self.files = rule_set.version if files is None else files
        self._decides = True
        self._tell_swapped()
        self._over.add(WAKE_ALL)
        self.ring()

    def stop_deciding(self, degraded: str) -> None:
        """Decide nothing here: another rule set is current, and it cannot be read; ``degraded`` says why."""
        self.degraded, self._decides = degraded, False
        self._tell_swapped()

    def _tell_swapped(self) -> None:
        self._swapped.set()
        self._swapped = asyncio.Event()

    def watch_news(self) -> asyncio.Event:
        """An event that is set when rules, silences or woken rows are to be looked at; take it before you look."""
        return self._news

    def ring(self) -> None:
        """Let every router look now whether something is due."""
        self._news.set()
        self._news = asyncio.Event()

    async def wait_change(self, seen: str) -> None:
        """Return once the version that is decided by is another than ``seen``."""
        while self.decides_by == seen:
            await self._swapped.wait()

    async def follow_silences(self, cache: CatalogCache, store: Store) -> None:
        """Keep the silences as the catalog has them, for ever, and wake what one kept quiet that was lifted."""
        seen = 0
        while True:
            self.take_silences(cache)
            await self.wake(store)
            seen = await cache.wait_change(seen)

    def take_silences(self, cache: CatalogCache) -> None:
        """Take the silences as the catalog has them now. One that cannot be read is left out, and told."""
        by_id = {entry.silence.id: entry for entry in self._silences.silences}
        compiled: list[CompiledSilence] = []
        for silence in [silence_of(record) for record in cache.list_all(SilenceRecord)]:
            before = by_id.get(silence.id)
            try:
                compiled.append(before if before and before.silence == silence else compile_silence(silence))
            except ProblemsFound as error:
                log.warning("a silence cannot be read", silence=silence.id, problems=str(error))
        if [id(entry) for entry in compiled] != [id(entry) for entry in by_id.values()]:
            ends = {entry.silence.id: entry.silence.until_us for entry in compiled}
            lifted = [name for name, entry in by_id.items() if ends.get(name, 0) < entry.silence.until_us]
            self._over |= {f"silence:{name}" for name in lifted}
            self._silences = SilenceBook(tuple(compiled))

    def wake_all(self) -> None:
        """Let the next ``wake`` look at everything that is kept quiet."""
        self._over.add(WAKE_ALL)

    async def wake(self, store: Store) -> None:
        """Let what was kept quiet by something that is over be looked at now. Raises StoreUnavailable; then again."""
        over = set(self._over)
        if over:
            await store.commit(Commit(wake=tuple(sorted(over))))
            self._over -= over
            self.ring()

    async def follow_clock(self, cache: CatalogCache, store: Store, step: ClockStep) -> None:
        """Take a step of the wall clock into account: silences come with it, and all that is quiet is looked at.

        A silence is held to the clock that stands. One that was made while the clock was ahead would begin in a future
        that its maker never saw. Raises StoreError.
        """
        for record in cache.list_all(SilenceRecord):
            stored = cache.get_stored(record)
            if stored is None or step.size_us >= 0 or record.created_us <= step.after_us + LEAST_STEP_US:
                continue
            moved = msgspec.structs.replace(
                record,
                created_us=record.created_us + step.size_us,
                starts_us=record.starts_us + step.size_us,
                until_us=record.until_us + step.size_us,
            )
            try:
                await cache.write([Put(stored.key, moved, stored.version)])
            except VersionMoved:
                await cache.refresh(stored.kind, stored.key)  # ended or removed meanwhile
        self.take_silences(cache)
        self._over.add(WAKE_ALL)
        await self.wake(store)

    async def follow_counts(self, store: Store, clock: Clock) -> None:
        """Keep count of the state each rule holds, for ever; a little old is good enough (semantics.md item 5)."""
        while True:
            self._key_counts = await store.state.counts()
            await clock.sleep(_COUNT_EVERY_S)


def silence_of(record: SilenceRecord) -> Silence:
    """A silence of the catalog as rules take it."""
    return Silence(record.uid, record.matchers, record.starts_us, record.until_us, record.who, record.why)
