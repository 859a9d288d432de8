"""Waking those who wait: in this process at once, on other nodes by NOTIFY, and at the latest by a look each second.

NOTIFY is sent on a connection of its own after the COMMIT: within the transaction it would take a lock that all
commits of the database wait for. A message that is lost, with its sender or its connection, is made up for by the look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

import psycopg

from broker.clock import Clock
from broker.engines.postgres.address import Address
from broker.engines.postgres.connections import Db, ReadConnections, connect
from broker.engines.postgres.queries import ask, load
from broker.engines.wakeups import Signals
from broker.errors import StoreError

CATALOG: Final = "c"
"""The bell that is rung when the catalog changed."""

_TOPIC: Final = "t/"
_NEWS: Final = "d/"
_CHANNEL: Final = "ams_bridge"
_PAYLOAD_BYTES: Final = 7_000
_LOOK_EVERY_S: Final = 1.0
_ENDS: Final = load("log")["ends"]
_SEQ: Final = load("catalog")["seq"]
_NOTIFY: Final = "SELECT pg_notify(%s, %s)"


def topic_bell(topic_uid: str) -> str:
    """The bell that is rung when a topic got messages."""
    return _TOPIC + topic_uid


def news_of(destinations: Iterable[str]) -> set[str]:
    """What ``Waking.announce`` is told when destinations have news."""
    return {_NEWS + destination for destination in destinations}


class Waking:
    """Bells and flags of one node, which hear those of the others. Belongs to the event loop it was made on."""

    def __init__(self, address: Address, clock: Clock, readers: ReadConnections, holder: int) -> None:
        self._address = address
        self._clock = clock
        self._readers = readers
        self._holder = str(holder)
        self._signals = Signals()
        self._to_tell: set[str] = set()
        self._told = asyncio.Event()
        self._seen: dict[str, int] = {}
        self._running: list[asyncio.Future[None]] = []

    def begin(self) -> None:
        """Listen to other nodes, tell them, and look."""
        works: list[Coroutine[Any, Any, None]] = [self._hear(), self._tell(), self._look_now_and_then()]
        self._running = [asyncio.ensure_future(work) for work in works]

    def listen(self, name: str) -> AbstractContextManager[Awaitable[None]]:
        """See EdgeSignals."""
        return self._signals.bells.listen(name)

    def lower(self, destination: str) -> None:
        """Take the flag of a destination down: its news are being looked at now."""
        self._signals.news.lower(_NEWS + destination)

    async def wait_for_news(self, destination: str) -> None:
        """Return when the flag of a destination is up."""
        await self._signals.news.wait(_NEWS + destination)

    def announce(self, names: set[str]) -> None:
        """Wake those who wait for any of these here, and let other nodes do so."""
        if names:
            self._ring(names)
            self._to_tell |= names
            self._told.set()

    async def close(self) -> None:
        """Wake everybody and end. Idempotent."""
        for running in self._running:
            running.cancel()
        if self._running:
            await asyncio.wait(self._running)
        self._running = []
        self._signals.wake_all()

    def _ring(self, names: Iterable[str]) -> None:
        for name in names:
            if name.startswith(_NEWS):
                self._signals.news.lift(name)
            else:
                self._signals.bells.ring(name)

    async def _tell(self) -> None:
        db: Db | None = None
        try:
            while True:
                await self._told.wait()
                self._told.clear()
                names, self._to_tell = self._to_tell, set()
                try:
                    if db is None:
                        db = await connect(self._address)
                        await ask(db, "SET synchronous_commit = off")  # there is nothing to keep of it
                    for payload in self._payloads(names):
                        await ask(db, _NOTIFY, (_CHANNEL, payload))
                except psycopg.Error:  # the others look by themselves within a second
                    if db is not None:
                        await db.close()
                    db = None
        finally:
            if db is not None:
                await db.close()

    def _payloads(self, names: set[str]) -> Iterable[str]:
        """The names in as few messages as they fit in, each behind who sends it."""
        lines: list[str] = [self._holder]
        size = 0
        for name in sorted(names):
            size += len(name.encode()) + 1
            if size > _PAYLOAD_BYTES and len(lines) > 1:
                yield "\n".join(lines)
                lines, size = [self._holder], len(name.encode()) + 1
            lines.append(name)
        yield "\n".join(lines)

    async def _hear(self) -> None:
        heard_before = False
        while True:
            db: Db | None = None
            try:
                db = await connect(self._address)
                await ask(db, f"LISTEN {_CHANNEL}")
                if heard_before:
                    self._signals.wake_all()  # whatever was told meanwhile went by unheard
                heard_before = True
                async for notify in db.notifies():
                    sender, *names = notify.payload.split("\n")
                    if sender != self._holder:
                        self._ring(names)
            except psycopg.Error:  # the look each second goes on meanwhile
                await self._clock.sleep(_LOOK_EVERY_S)
            finally:
                if db is not None:
                    await db.close()

    async def _look_now_and_then(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            with suppress(StoreError):  # told by whoever asks for something
                await self._look()
            self._signals.news.lift_all()

    async def _look(self) -> None:
        """Ring for what changed since the last look and is waited for."""
        waited = self._signals.bells.waited
        uids = [name.removeprefix(_TOPIC) for name in waited if name.startswith(_TOPIC)]
        seen: dict[str, int] = {}
        if uids:
            rows = await self._readers.rows(_ENDS, (uids,))
            seen.update((topic_bell(uid), end) for uid, end in rows)
        if CATALOG in waited:
            seen[CATALOG] = (await self._readers.rows(_SEQ))[0][0]
        self._ring(name for name, number in seen.items() if self._seen.get(name) != number)
        self._seen = seen
