"""The one writer of a kind, and group commit.

A COMMIT waits for the disk, and for a standby where there is one. So every change of a kind goes through one
connection: it takes all that are waiting, makes them in one transaction, and answers each when that is committed. One
that fails in the database spoils the transaction for its group: all are made again one by one, so that only the one at
fault fails.

When the answer to a COMMIT is lost, the writer asks on another connection whether its batch is in: every batch writes
its number into the writer's own row (`writers`), and who locks that row waits until the old transaction has ended one
way or the other. Only where nobody can be asked, callers are told OutcomeUnknown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from uuid import uuid4

import psycopg

from broker.clock import Clock
from broker.engines.gathering import Gathering
from broker.engines.postgres.address import Address
from broker.engines.postgres.calls import Alone, Shared, WriterCall
from broker.engines.postgres.connections import Db, connect
from broker.engines.postgres.failures import is_broken, is_of_the_moment, reason_of, store_error
from broker.engines.postgres.fencing import check_before_commit, count_refused
from broker.engines.postgres.loading import MovedAway
from broker.engines.postgres.queries import Question, ask, ask_all, load
from broker.errors import BrokerError, DuplicateDelivery, OutcomeUnknown, StoreUnavailable

T = TypeVar("T")

_SQL: Final = load("keeping")
_GROUP_CALLS: Final = 1_000
_GROUP_BYTES: Final = 8 * 1024 * 1024
_TRIES: Final = 6
_ASKING_TRIES: Final = 5
_ASKING_PAUSE_S: Final = 1.0
_UNREPLICATED: Final = "canceling wait for synchronous replication"


class GroupWrites(Protocol):
    """Runs changes in transactions."""

    @property
    def trouble(self) -> str:
        """Why the last write failed, or "" when it did not."""

    async def run(self, call: WriterCall[T], within_s: float = 0.0) -> T:
        """Make one change; it is durable when this returns. Raises what the call raises, and StoreError.

        It may wait ``within_s`` seconds for others, to be written with them.
        """

    async def close(self) -> None:
        """Write what waits and refuse what comes after. Idempotent."""


CallOutcome = tuple[Any, BaseException | None]
"""What a call gave, or why it did not."""

MakeShared = Callable[[Db, Sequence[Shared[Any]], set[str]], Awaitable[tuple[list[CallOutcome], Sequence[Question]]]]
"""Begins a transaction and makes calls in it; puts what others should be woken for into the set.

Statements whose answers nobody needs are given back, and sent on one way with the COMMIT.
"""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call that waits to be made, and who waits for it."""

    call: WriterCall[Any]
    answer: asyncio.Future[Any]


class _Spoiled(Exception):
    """One of several calls spoiled the transaction for all."""


class GroupWriter:
    """See GroupWrites. ``announce`` is told, on the loop, what a committed group has news for."""

    def __init__(
        self, address: Address, clock: Clock, make_shared: MakeShared, announce: Callable[[set[str]], None]
    ) -> None:
        self._address = address
        self._clock = clock
        self._make_shared = make_shared
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._gathering: Gathering[_Waiting] = Gathering(self._loop, self._give)
        self._id = str(uuid4())
        self._batch = 0
        self._db: Db | None = None
        self._unreplicated = False
        self._calls: deque[_Waiting] = deque()
        self._ready = asyncio.Event()
        self._closing = False
        self._failure = ""
        self._running = asyncio.ensure_future(self._run())

    @property
    def trouble(self) -> str:
        """See GroupWrites."""
        return "it is closed" if self._closing else self._failure

    async def run(self, call: WriterCall[T], within_s: float = 0.0) -> T:
        """See GroupWrites."""
        if self._closing:
            raise StoreUnavailable("it is closed", "closed")
        waiting = _Waiting(call, self._loop.create_future())
        self._gathering.put(waiting, within_s)
        result: T = await waiting.answer
        return result

    def _give(self, calls: Sequence[_Waiting]) -> None:
        self._calls.extend(calls)
        self._ready.set()

    async def close(self) -> None:
        """See GroupWrites."""
        self._gathering.hand_over()
        self._closing = True
        self._ready.set()
        await asyncio.wait([self._running])
        await self._let_go(ended=True)

    async def _run(self) -> None:
        while self._calls or not self._closing:
            if not self._calls:
                self._ready.clear()
                await self._ready.wait()
                continue
            group = self._next_group()
            try:
                await self._write(group)
            except Exception as fault:  # ours; but nobody shall wait for ever
                self._answer(group, [(None, OutcomeUnknown(repr(fault)))] * len(group))
                await self._let_go()

    def _next_group(self) -> list[_Waiting]:
        group = [self._calls.popleft()]
        if isinstance(group[0].call, Alone):
            return group
        size_bytes = group[0].call.size_bytes
        while self._calls and len(group) < _GROUP_CALLS:
            call = self._calls[0].call
            if isinstance(call, Alone) or size_bytes + call.size_bytes > _GROUP_BYTES:
                break
            size_bytes += call.size_bytes
            group.append(self._calls.popleft())
        return group

    async def _write(self, group: Sequence[_Waiting]) -> None:
        try:
            self._answer(group, await self._group([waiting.call for waiting in group]))
        except _Spoiled:
            for waiting in group:
                self._answer([waiting], await self._group([waiting.call]))

    async def _group(self, calls: Sequence[WriterCall[Any]]) -> list[CallOutcome]:
        """Make calls in one transaction, again where that may help. Raises _Spoiled where they must be made apart."""
        failure: BrokerError = StoreUnavailable("others change the same things without a pause", "moving")
        for tries in range(_TRIES):
            touched: set[str] = set()
            try:
                db = await self._connection()
                outcomes, last = await self._make(db, calls, touched)
                if all(error is not None for _, error in outcomes):
                    await self._roll_back()
                    await self._count_refused(outcomes)
                    return outcomes
                is_in = await self._commit(db, [*last, *count_refused(outcomes)])
            except (psycopg.Error, MovedAway) as error:
                failure = await self._fail(error, len(calls))
                if isinstance(error, MovedAway) or is_of_the_moment(error) or (is_broken(error) and not tries):
                    continue
                break
            if is_in is None:
                unknown = OutcomeUnknown(self._failure, "failed")
                return [(None, error or unknown) for _, error in outcomes]
            if is_in:
                self._failure = ""
                self._announce(touched)
                return outcomes
        return [(None, failure)] * len(calls)

    async def _make(
        self, db: Db, calls: Sequence[WriterCall[Any]], touched: set[str]
    ) -> tuple[list[CallOutcome], Sequence[Question]]:
        alone = calls[0]
        if not isinstance(alone, Alone):
            return await self._make_shared(db, [call for call in calls if isinstance(call, Shared)], touched)
        try:
            result = await alone.make(db, touched)
            await check_before_commit(db, alone.owner)
        except BrokerError as error:
            return [(None, error)], ()
        return [(result, None)], ()

    async def _fail(self, error: Exception, calls: int) -> BrokerError:
        """What an error within a transaction means, the connection being made fit for the next one."""
        if is_broken(error):
            await self._let_go()
        else:
            await self._roll_back()
        if isinstance(error, psycopg.errors.UniqueViolation):
            if calls > 1:
                raise _Spoiled from error
            return DuplicateDelivery(reason_of(error))
        if calls > 1 and isinstance(error, psycopg.Error) and not is_broken(error) and not is_of_the_moment(error):
            raise _Spoiled from error
        failure = store_error(error)
        if not is_of_the_moment(error) and not isinstance(error, MovedAway):
            self._failure = failure.reason
        return failure

    async def _count_refused(self, outcomes: Sequence[CallOutcome]) -> None:
        """Count what a fence refused, where nothing else is written."""
        try:
            for question in count_refused(outcomes):
                await ask(await self._connection(), *question)
        except psycopg.Error as error:
            self._failure = store_error(error).reason
            await self._let_go()

    async def _commit(self, db: Db, last: Sequence[Question]) -> bool | None:
        """Make the last statements and commit; whether it is in, or None when nobody can say.

        Raises psycopg.Error where the database refused one of them: nothing is in then.
        """
        self._unreplicated = False
        self._batch += 1
        try:
            await ask_all(db, [*last, (_SQL["mark_batch"], (self._batch, self._id)), ("COMMIT", None)])
        except psycopg.Error as error:
            if not is_broken(error):
                raise
            self._failure = store_error(error).reason
            await self._let_go()
            return await self._find_out()
        if self._unreplicated:
            self._failure = "somebody ended the wait for the standby; the change is at the primary alone"
            return None
        return True

    async def _find_out(self) -> bool | None:
        """Ask on another connection whether the last batch is in."""
        for tries in range(_ASKING_TRIES):
            if tries:
                await self._clock.sleep(_ASKING_PAUSE_S)
            try:
                db = await self._connection()
                *_, rows, _ = await ask_all(
                    db,
                    [
                        ("BEGIN", None),
                        ("SET LOCAL lock_timeout = '5s'", None),
                        (_SQL["last_batch"], (self._id,)),
                        ("COMMIT", None),
                    ],
                )
            except psycopg.Error as error:
                self._failure = store_error(error).reason
                await self._let_go()
            else:
                return bool(rows) and rows[0][0] == self._batch
        return None

    async def _connection(self) -> Db:
        if self._db is None or self._db.closed:
            self._db = await connect(self._address)
            self._db.add_notice_handler(self._hear)
            if not self._batch:
                await ask(self._db, _SQL["begin_writer"], (self._id,))
        return self._db

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        """A wait for a standby that was ended from outside looks like success, and is none."""
        if _UNREPLICATED in (notice.message_primary or ""):
            self._unreplicated = True

    async def _roll_back(self) -> None:
        if self._db is not None:
            try:
                await self._db.rollback()
            except psycopg.Error:
                await self._let_go()

    async def _let_go(self, *, ended: bool = False) -> None:
        db, self._db = self._db, None
        if db is None:
            return
        if ended and not db.closed:
            try:
                await ask(db, _SQL["end_writer"], (self._id,))
            except psycopg.Error as error:
                self._failure = reason_of(error)  # the row is forgotten after a day
        await db.close()

    def _answer(self, group: Sequence[_Waiting], outcomes: Sequence[CallOutcome]) -> None:
        for waiting, (result, error) in zip(group, outcomes, strict=True):
            call = waiting.call
            if error is None and isinstance(call, Shared) and call.done is not None:
                self._loop.call_soon(call.done, result)
            if waiting.answer.done():
                continue
            if error is None:
                waiting.answer.set_result(result)
            else:
                waiting.answer.set_exception(error)
