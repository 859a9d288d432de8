"""The Log on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from broker.beside import LARGE_ITEMS, Beside
from broker.clock import Moment
from broker.engines.message_rows import rows_of
from broker.engines.postgres.calls import Alone, Shared
from broker.engines.postgres.connections import Db, ReadConnections
from broker.engines.postgres.fencing import check_owner, lock_owners
from broker.engines.postgres.log_rows import Appending, LogStanding, MessageBatch
from broker.engines.postgres.queries import Question, ask, ask_all, columns, count, load
from broker.engines.postgres.slab_reading import read_messages
from broker.engines.postgres.slabs import KnownSlabs, LogSlabs, ask_slab, in_slab, slabs_of
from broker.engines.postgres.slices import SLICE, delete_in_slices
from broker.engines.postgres.waking import Waking, topic_bell
from broker.engines.postgres.writer import CallOutcome, GroupWrites
from broker.errors import NotOwner, TopicGone
from broker.model import Appended, Bounds, Message, NewMessage
from broker.steady import SteadyTime

_SQL: Final = load("log")
_FORGET_LOG: Final = load("slabs")["forget_log"]
_BEHIND_ALL: Final = 2**62


class Appends:
    """Makes appends together. It remembers which logs there are, so that each is asked to begin only once."""

    def __init__(self, steady: SteadyTime) -> None:
        self._steady = steady
        self._begun: set[str] = set()

    async def make(
        self, db: Db, calls: Sequence[Shared[Any]], touched: set[str]
    ) -> tuple[list[CallOutcome], Sequence[Question]]:
        """Append batches in one transaction. See MakeShared."""
        batches = [call for call in calls if isinstance(call, MessageBatch)]
        tokens: dict[str, int] = {}
        logs = await self._lock(db, batches, tokens)
        appending = Appending(logs, await _known_answers(db, logs, batches))
        outcomes: list[CallOutcome] = []
        for batch in batches:
            try:
                check_owner(tokens, batch.owner)
                outcomes.append((appending.append(batch, self._steady.read()), None))
                touched.add(topic_bell(batch.uid))
            except (TopicGone, NotOwner) as error:
                outcomes.append((None, error))
        return outcomes, list(appending.questions())

    async def _lock(self, db: Db, batches: Sequence[MessageBatch], tokens: dict[str, int]) -> dict[str, LogStanding]:
        """Begin a transaction, and lock the owners of batches and the logs of their topics.

        Those to be written are made where there are none; the tokens that hold are put into ``tokens``.
        """
        written = {batch.uid for batch in batches if batch.rows}
        owners = {batch.owner for batch in batches if batch.owner is not None}
        questions: list[Question] = [("BEGIN", None), *([lock_owners(owners)] if owners else ())]
        if not written <= self._begun:
            questions.append((_SQL["create_logs"], (self._steady.read().wall_us, sorted(written))))
        uids = sorted({batch.uid for batch in batches})
        _, *holding, rows = await ask_all(db, [*questions, (_SQL["lock_logs"], (uids,))])
        if owners:
            tokens.update(holding[0])
        if written - {row[1] for row in rows}:  # what made them was rolled back
            self._begun -= written
            await db.rollback()
            return await self._lock(db, batches, tokens)
        self._begun |= written
        return {row[1]: LogStanding(*row) for row in rows}


async def _known_answers(
    db: Db, logs: dict[str, LogStanding], batches: Sequence[MessageBatch]
) -> dict[tuple[int, str], Appended]:
    """The answers that the producer keys of batches were given before."""
    keys = [
        (logs[batch.uid].id, batch.producer_key)
        for batch in batches
        if batch.producer_key is not None and batch.uid in logs
    ]
    if not keys:
        return {}
    rows = await ask(db, _SQL["producer_keys"], columns(keys))
    return {(log, key): Appended(*answer) for log, key, *answer in rows}


class PostgresLog:
    """See broker.store.Log."""

    def __init__(self, steady: SteadyTime, writer: GroupWrites, readers: ReadConnections, waking: Waking) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers
        self._waking = waking
        self._beside = Beside()
        self._slabs = KnownSlabs()

    async def append(self, topic_uid: str, messages: Sequence[NewMessage], producer_key: str | None = None) -> Appended:
        """See Log."""
        rows, total_bytes, stored_bytes = await self._beside.run(
            partial(rows_of, messages), large=len(messages) > LARGE_ITEMS
        )
        return await self._writer.run(
            MessageBatch(
                uid=topic_uid, rows=rows, text_bytes=total_bytes, producer_key=producer_key, size_bytes=stored_bytes
            )
        )

    async def read(self, topic_uid: str, offset: int, max_messages: int, max_bytes: int) -> Sequence[Message]:
        """See Log."""
        return await self._readers.run(
            lambda db: read_messages(db, self._slabs, topic_uid, max(offset, 0), max_messages, max_bytes)
        )

    async def bounds(self, topic_uid: str) -> Bounds:
        """See Log."""
        rows = await self._readers.rows(_SQL["bounds"], (topic_uid,))
        return Bounds(*rows[0]) if rows else Bounds(0, 0)

    async def offset_at(self, topic_uid: str, time_us: int, told_at: Moment | None = None) -> int | None:
        """See Log."""

        async def read(db: Db) -> int | None:
            log = await _standing(db, topic_uid)
            if log is None:
                return None
            slabs = await slabs_of(db, log.id)
            first = await _first_with(db, slabs, log, 1, time_us - self._steady.read().as_told_at(told_at).offset_us)
            return first[0] if first else None

        return await self._readers.run(read)

    async def offset_for_size(self, topic_uid: str, keep_bytes: int) -> int:
        """See Log."""

        async def read(db: Db) -> int:
            log = await _standing(db, topic_uid)
            if log is None or log.stored_bytes <= keep_bytes:
                return log.first if log else 0
            last_removed = await _first_with(db, await slabs_of(db, log.id), log, 2, log.upto - keep_bytes)
            return last_removed[0] + 1 if last_removed else log.end

        return await self._readers.run(read)

    async def trim(self, topic_uid: str, before: int) -> int:
        """See Log. Only the first slab is emptied; others are dropped once retention has passed them."""

        async def make(db: Db, touched: set[str]) -> tuple[LogStanding, int, LogSlabs] | None:
            log = await _lock_log(db, topic_uid)
            if log is None or log.gone or before <= log.first:
                return None
            first_before, log.first = log.first, min(before, log.end)
            slabs = await slabs_of(db, log.id)
            upto = await _upto_before(db, slabs, log)
            if upto is not None:
                log.stored_bytes = log.upto - upto
            await ask(db, _SQL["put_logs"], columns([log.values()]))
            return log, first_before, slabs

        trimmed = await self._writer.run(Alone(make))
        if trimmed is None:
            return 0
        log, first_before, slabs = trimmed
        return await self.remove(log.id, log.first, 0) + await self._count(log, first_before, slabs)

    async def _count(self, log: LogStanding, since: int, slabs: LogSlabs) -> int:
        """How many messages from an offset on are below the log's first, in slabs that are dropped as a whole."""

        async def read(db: Db) -> int:
            wanted = [slab for slab in slabs.until(log.first) if slab and slab in slabs.since(since)]
            counts = [await ask_slab(db, _SQL["count"], slab, (log.id, since, log.first)) for slab in wanted]
            return sum(rows[0][0] for rows in counts if rows)

        return await self._readers.run(read)

    async def remove(self, log_id: int, before: int, slab: int) -> int:
        """Remove messages of a slab below ``before``, which nobody reads any more, piece by piece."""

        async def make(db: Db, touched: set[str]) -> tuple[int, bool]:
            *_, lowest = await ask_all(db, [("BEGIN", None), (in_slab(_SQL["lowest"], slab), (log_id,))])
            if not lowest or lowest[0][0] >= before:
                await ask(db, _SQL["forget_ahead"], {"log": log_id, "before": before})
                return 0, False
            upto = min(before, lowest[0][0] + SLICE)
            return await count(db, in_slab(_SQL["remove"], slab), (log_id, upto)), True

        removed, more = 0, True
        while more:
            gone, more = await self._writer.run(Alone(make))
            removed += gone
        return removed

    async def drop(self, topic_uid: str) -> None:
        """See Log."""

        async def make(db: Db, touched: set[str]) -> LogStanding:
            log = await self._lock_or_make(db, topic_uid)
            log.gone = True
            forget = (_SQL["forget_keys"], (log.id,))
            await ask_all(db, [(_SQL["put_logs"], columns([log.values()])), forget])
            touched.add(topic_bell(topic_uid))
            return log

        log = await self._writer.run(Alone(make))
        await self._remove_gone(log.id)

    async def _remove_gone(self, log_id: int) -> None:
        """Remove every message of a log that is dropped, and where they were."""

        async def forget(db: Db, touched: set[str]) -> None:
            await ask_all(db, [("BEGIN", None), (_FORGET_LOG, (log_id,))])

        slabs = await self._readers.run(lambda db: slabs_of(db, log_id))
        for slab in (0, *slabs.slabs):
            await self.remove(log_id, _BEHIND_ALL, slab)
        await self._writer.run(Alone(forget))

    async def topics(self) -> Sequence[str]:
        """See Log."""
        return [uid for (uid,) in await self._readers.rows(_SQL["topics"])]

    async def wait_for(self, topic_uid: str, offset: int) -> None:
        """See Log."""
        with self._waking.listen(topic_bell(topic_uid)) as rung:
            if (await self.bounds(topic_uid)).end <= offset:
                await rung

    async def reserve(self, topic_uid: str, offset: int) -> None:
        """See Log."""

        async def make(db: Db, touched: set[str]) -> None:
            log = await self._lock_or_make(db, topic_uid)
            if log.gone:
                raise TopicGone(topic_uid)
            log.end = max(offset, log.end)
            if not await _probe(db, await slabs_of(db, log.id), log.id, log.first):
                log.first = log.end
            await ask(db, _SQL["put_logs"], columns([log.values()]))
            touched.add(topic_bell(topic_uid))

        await self._writer.run(Alone(make))

    async def _lock_or_make(self, db: Db, uid: str) -> LogStanding:
        """The log, locked; made when there is none."""
        made = (_SQL["create_logs"], (self._steady.read().wall_us, [uid]))
        *_, rows = await ask_all(db, [("BEGIN", None), made, (_SQL["lock_logs"], ([uid],))])
        return LogStanding(*rows[0])

    async def sweep_keys(self, before_us: int, limit: int) -> int:
        """Forget up to ``limit`` producer keys older than ``before_us`` and say how many."""
        return await delete_in_slices(self._writer, lambda wanted: (_SQL["sweep_keys"], (before_us, wanted)), limit)

    async def sweep_gone(self) -> None:
        """Remove what a drop that was interrupted left behind."""
        for (log_id,) in await self._readers.rows(_SQL["gone_with_messages"]):
            await self._remove_gone(log_id)


async def _lock_log(db: Db, uid: str) -> LogStanding | None:
    *_, rows = await ask_all(db, [("BEGIN", None), (_SQL["lock_logs"], ([uid],))])
    return LogStanding(*rows[0]) if rows else None


async def _standing(db: Db, uid: str) -> LogStanding | None:
    rows = await ask(db, _SQL["log"], (uid,))
    log = LogStanding(*rows[0]) if rows else None
    return None if log is None or log.gone else log


async def _first_with(db: Db, slabs: LogSlabs, log: LogStanding, column: int, least: int) -> tuple[Any, ...] | None:
    """The first retained message whose ``column`` (1 time, 2 bytes up to it) is at least ``least``.

    Both columns grow with the offset, so it is found by halving; offsets may have holes.
    """
    low, high = log.first, log.end
    row: tuple[Any, ...] | None = None
    while low < high:
        middle = (low + high) // 2
        probe = await _probe(db, slabs, log.id, middle)
        if probe is not None and probe[column] < least:
            low = probe[0] + 1
        else:
            row, high = probe or row, middle
    return row


async def _probe(db: Db, slabs: LogSlabs, log_id: int, offset: int) -> tuple[Any, ...] | None:
    """The first message at or after an offset: its own, its time and the bytes up to it."""
    for slab in slabs.since(offset):
        rows = await ask_slab(db, _SQL["probe"], slab, (log_id, offset))
        if rows:
            return rows[0]
    return None


async def _upto_before(db: Db, slabs: LogSlabs, log: LogStanding) -> int | None:
    """The bytes up to the last message before the log's first one."""
    for slab in slabs.until(log.first):
        rows = await ask(db, in_slab(_SQL["upto_before"], slab), (log.id, log.first))
        if rows:
            upto: int = rows[0][0]
            return upto
    return None
