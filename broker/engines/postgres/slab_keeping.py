"""Slabs come and go: the next one is made ahead of need, opened when its time has come, and dropped when it is past.

A slab is a table of its own, so to drop it asks nothing of the others and costs the same however much is in it. A tenth
of the retention goes into one: that much more than is retained stands on the disk. A topic whose subscriber is behind
may keep a slab for longer; what others have in it is deleted then, as it is in slab 0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Final

from psycopg.errors import LockNotAvailable

from broker.clock import US_PER_S
from broker.engines.postgres.calls import Alone
from broker.engines.postgres.connections import Db
from broker.engines.postgres.queries import ask, begin, load
from broker.engines.postgres.writer import GroupWrites
from broker.model import SweepPolicy
from broker.steady import SteadyTime

_SQL: Final = load("slabs")
_PARTS: Final = 10
_CLOSED_FOR_US: Final = 60 * US_PER_S
"""How long a slab is closed before it may go: nobody is still writing into it by then."""
_MAKE: Final = (
    "CREATE TABLE messages_{slab:d} (PRIMARY KEY (log, msg_offset)) INHERITS (messages) "
    "WITH (autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1)"
)
_DROP: Final = "DROP TABLE IF EXISTS messages_{slab:d}"
_BEHIND_ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class Slab:
    """A row of ``slabs``; it is closed ``closed_us``, when the next one was opened."""

    slab: int
    opens_us: int | None
    waits_since_us: int | None
    closed_us: int | None


class SlabKeeping:
    """A step of housekeeping. ``remove`` deletes a log's messages below an offset from a slab."""

    def __init__(
        self, steady: SteadyTime, writer: GroupWrites, remove: Callable[[int, int, int], Awaitable[int]]
    ) -> None:
        self._steady = steady
        self._writer = writer
        self._remove = remove

    async def step(self, policy: SweepPolicy) -> None:
        """Open the next slab when it is time for it, make one ahead, and let go of those that are past.

        Where messages are kept without bound there is nothing to drop, and no slab is begun.
        """
        if policy.messages_keep_us is None and policy.messages_keep_bytes is None:
            return
        slabs = await self._writer.run(Alone(partial(self._go_on, policy)))
        for slab in slabs:
            if slab.closed_us is not None and self._now_us() - slab.closed_us >= _CLOSED_FOR_US:
                await self._let_go(slab, policy)

    def _now_us(self) -> int:
        return self._steady.read().steady_us

    async def _go_on(self, policy: SweepPolicy, db: Db, touched: set[str]) -> list[Slab]:
        await begin(db)
        slabs = await _read(db)
        is_open = next((slab for slab in reversed(slabs) if slab.opens_us is not None), None)
        ready = next((slab for slab in slabs if slab.opens_us is None), None)
        if ready is None and await _make(db) is not None:
            ready = (await _read(db))[-1]
        if ready is not None and await self._is_due(db, is_open, policy):
            await ask(db, _SQL["open"], (self._now_us(), ready.slab))
            await _make(db)
        return await _read(db)

    async def _is_due(self, db: Db, is_open: Slab | None, policy: SweepPolicy) -> bool:
        """Whether what is written from now on goes into another slab than this one."""
        if is_open is None or is_open.opens_us is None:
            return True
        keep_us, keep_bytes = policy.messages_keep_us, policy.messages_keep_bytes
        if keep_us is not None and self._now_us() - is_open.opens_us >= keep_us // _PARTS:
            return True
        if keep_bytes is None:
            return False
        size_bytes: int = (await ask(db, _SQL["size"], (f"messages_{is_open.slab:d}",)))[0][0]
        return size_bytes >= keep_bytes // _PARTS

    async def _let_go(self, slab: Slab, policy: SweepPolicy) -> None:
        """Drop a closed slab; or where some of it is retained for long, remove the rest."""
        past = await self._writer.run(Alone(partial(self._drop_or_wait, slab)))
        longest_us = (policy.messages_keep_us or 0) // _PARTS
        waited_us = 0 if slab.waits_since_us is None else self._now_us() - slab.waits_since_us
        if slab.waits_since_us is None or waited_us < longest_us:
            return
        for log in past:
            await self._remove(log, _BEHIND_ALL, slab.slab)
            await self._writer.run(Alone(partial(_leave, slab.slab, [log])))

    async def _drop_or_wait(self, slab: Slab, db: Db, touched: set[str]) -> list[int]:
        """Drop the slab where nothing of it is retained; the logs that are past it otherwise."""
        await begin(db)
        logs = await ask(db, _SQL["held"], (slab.slab,))
        past = [log for log, is_retained in logs if not is_retained]
        if len(past) == len(logs):
            await _drop(db, slab.slab, past)
            return []
        if past and slab.waits_since_us is None:
            await ask(db, _SQL["wait"], (self._now_us(), slab.slab))
        return past


async def _read(db: Db) -> list[Slab]:
    rows = await ask(db, _SQL["all"])
    closed = [opens_us for _, opens_us, _ in rows[1:]]
    return [Slab(row[0], row[1], row[2], closed_us) for row, closed_us in zip_longest(rows, closed)]


async def _make(db: Db) -> int | None:
    """Make the next slab, to be opened when its time has come; None while something keeps the table ``messages``."""
    slab: int = (await ask(db, _SQL["number"]))[0][0]
    if not await _change_tables(db, _MAKE.format(slab=slab)):
        return None
    await ask(db, _SQL["add"], (slab,))
    return slab


async def _drop(db: Db, slab: int, logs: list[int]) -> None:
    """Drop a slab; it stays for the next step where somebody is still reading it (a dump)."""
    await ask(db, _SQL["lock_idle"], {"slab": slab})
    if await _change_tables(db, _DROP.format(slab=slab)):
        await _forget(db, slab, logs)
        await ask(db, _SQL["remove"], (slab,))


async def _leave(slab: int, logs: list[int], db: Db, touched: set[str]) -> None:
    await begin(db)
    await _forget(db, slab, logs)


async def _forget(db: Db, slab: int, logs: list[int]) -> None:
    await ask(db, _SQL["leave"], {"slab": slab, "logs": logs})
    await ask(db, _SQL["forget"], {"slab": slab, "logs": logs})


async def _change_tables(db: Db, text: str) -> bool:
    """Make or drop a table, waiting but a moment for its lock: behind who waits for one, all others would wait."""
    try:
        async with db.transaction():
            await ask(db, "SET LOCAL lock_timeout = '200ms'")
            await ask(db, text)
    except LockNotAvailable:
        return False
    return True
