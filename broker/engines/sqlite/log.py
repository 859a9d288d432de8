"""The Log on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from broker.beside import LARGE_ITEMS, Beside
from broker.clock import Moment
from broker.engines.message_rows import MessageRow, rows_of
from broker.engines.sqlite.log_rows import LogRow
from broker.engines.sqlite.packing import unpack_text
from broker.engines.sqlite.queries import load
from broker.engines.sqlite.readers import Readers
from broker.engines.sqlite.slices import SLICE, delete_in_slices
from broker.engines.sqlite.tail import Tail
from broker.engines.sqlite.transaction import Transaction, Writes
from broker.engines.texts import pairs_from_bytes, text_bytes
from broker.engines.wakeups import EdgeSignals
from broker.errors import OutcomeUnknown, TopicGone
from broker.model import Appended, Bounds, Message, NewMessage
from broker.steady import SteadyTime

_SQL = load("log")


class SqliteLog:
    """See broker.store.Log."""

    def __init__(self, steady: SteadyTime, writer: Writes, readers: Readers, bells: EdgeSignals) -> None:
        self._steady = steady
        self._writer = writer
        self._readers = readers
        self._bells = bells
        self._beside = Beside()
        self._tail = Tail()

    async def append(self, topic_uid: str, messages: Sequence[NewMessage], producer_key: str | None = None) -> Appended:
        """See Log."""
        rows, total_bytes, stored_bytes = await self._beside.run(
            partial(rows_of, messages), large=len(messages) > LARGE_ITEMS
        )

        appended = Appended(0, 0, 0)

        def work(transaction: Transaction) -> Appended:
            nonlocal appended
            appended = self._append(transaction, topic_uid, rows, total_bytes, producer_key)
            return appended

        def tell() -> None:
            if not appended.repeated:
                self._keep(topic_uid, appended, messages)
            self._bells.ring(topic_uid)

        try:
            return await self._writer.run(work, tell, stored_bytes)
        except OutcomeUnknown:
            self._ring_anew(topic_uid)
            raise

    def _keep(self, topic_uid: str, appended: Appended, messages: Sequence[NewMessage]) -> None:
        first, at_us = appended.first, appended.publish_time_us
        kept = [Message(first + n, at_us, message.data, message.attributes) for n, message in enumerate(messages)]
        self._tail.put(topic_uid, first, kept)

    def forget_kept(self) -> None:
        """Forget what is kept in memory: somebody else may have written to the file, so all of it is read anew."""
        self._tail.forget_all()

    def _append(
        self, transaction: Transaction, uid: str, rows: Sequence[MessageRow], text_bytes: int, producer_key: str | None
    ) -> Appended:
        db, logs = transaction.db, transaction.logs
        log = _living(logs.get(db, uid), uid)
        if log is not None and producer_key is not None:
            known = db.execute(_SQL["producer_key"], (log.id, producer_key)).fetchone()
            if known is not None:
                return replace(Appended(*known), repeated=True)
        now = self._steady.read()
        at_us = max(now.wall_us, log.last_publish_us) if log else now.wall_us
        if not rows:
            return Appended(log.end if log else 0, 0, at_us)
        log = logs.change(db, uid, now.wall_us, appends=True)
        appended = Appended(log.end, len(rows), at_us)
        logs.append(log, rows, text_bytes, at_us, now.steady_us)
        if producer_key is not None:
            key_row = (log.id, producer_key, appended.first, appended.count, at_us, now.steady_us)
            db.execute(_SQL["put_producer_key"], key_row)
        return appended

    async def read(self, topic_uid: str, offset: int, max_messages: int, max_bytes: int) -> Sequence[Message]:
        """See Log."""
        self._readers.check()
        kept = self._tail.read(topic_uid, offset, max_messages, max_bytes)
        if kept:
            return kept

        def read(db: sqlite3.Connection) -> Sequence[Message]:
            messages: list[Message] = []
            size_bytes = 0
            for at_offset, at_us, data, attributes in db.execute(_SQL["read"], (topic_uid, offset, max_messages)):
                text = unpack_text(data)
                size_bytes += text_bytes(text)
                if messages and size_bytes > max_bytes:
                    break
                messages.append(Message(at_offset, at_us, text, pairs_from_bytes(attributes)))
            return messages

        return await self._readers.read_on_thread(read)

    async def bounds(self, topic_uid: str) -> Bounds:
        """See Log."""
        return await self._readers.read_at_once(lambda db: _bounds(db, topic_uid))

    async def offset_at(self, topic_uid: str, time_us: int, told_at: Moment | None = None) -> int | None:
        """See Log."""

        def read(db: sqlite3.Connection) -> int | None:
            log = _standing(db, topic_uid)
            steady_us = time_us - self._steady.read().as_told_at(told_at).offset_us
            first = _first_with(db, log, 1, steady_us) if log else None
            return first[0] if first else None

        return await self._readers.read_at_once(read)

    async def offset_for_size(self, topic_uid: str, keep_bytes: int) -> int:
        """See Log."""

        def read(db: sqlite3.Connection) -> int:
            log = _standing(db, topic_uid)
            if log is None or log.stored_bytes <= keep_bytes:
                return log.first if log else 0
            last_removed = _first_with(db, log, 2, log.upto - keep_bytes)
            return last_removed[0] + 1 if last_removed else log.end

        return await self._readers.read_at_once(read)

    async def trim(self, topic_uid: str, before: int) -> int:
        """See Log."""
        log = await self._writer.run(
            lambda transaction: self._raise_first(transaction, topic_uid, before), lambda: self._tail.forget(topic_uid)
        )
        return await self._remove(log.id, log.first) if log is not None else 0

    @staticmethod
    def _raise_first(transaction: Transaction, uid: str, before: int) -> LogRow | None:
        db = transaction.db
        log = transaction.logs.get(db, uid)
        if log is None or log.gone or before <= log.first:
            return None
        transaction.logs.flush(db)
        log = transaction.logs.change(db, uid, log.created_us)
        log.first = min(before, log.end)
        trimmed = db.execute(_SQL["upto_before"], (log.id, log.first)).fetchone()
        if trimmed is not None:
            log.stored_bytes = log.upto - trimmed[0]
        return replace(log)

    async def _remove(self, log_id: int, before: int) -> int:
        """Remove messages below ``before``, which nobody reads any more, slice by slice."""

        def work(transaction: Transaction) -> tuple[int, bool]:
            db = transaction.db
            transaction.logs.flush(db)
            lowest = db.execute(_SQL["lowest"], (log_id,)).fetchone()
            if lowest is None or lowest[0] >= before:
                db.execute(_SQL["forget_ahead"], (log_id, before))
                return 0, False
            return db.execute(_SQL["remove"], (log_id, min(before, lowest[0] + SLICE))).rowcount, True

        removed, more = 0, True
        while more:
            count, more = await self._writer.run(work)
            removed += count
        return removed

    async def drop(self, topic_uid: str) -> None:
        """See Log."""

        def work(transaction: Transaction) -> tuple[int, int]:
            log = transaction.logs.change(transaction.db, topic_uid, self._steady.read().wall_us)
            log.gone = 1
            transaction.db.execute(_SQL["forget_keys"], (log.id,))
            return log.id, log.end

        log_id, end = await self._writer.run(work, lambda: self._ring_anew(topic_uid))
        await self._remove(log_id, end)

    async def topics(self) -> Sequence[str]:
        """See Log."""
        return await self._readers.read_on_thread(lambda db: [uid for (uid,) in db.execute(_SQL["topics"])])

    async def wait_for(self, topic_uid: str, offset: int) -> None:
        """See Log."""
        with self._bells.listen(topic_uid) as rung:
            self._readers.check()
            end = self._tail.end_of(topic_uid)
            if end is None:
                end = (await self.bounds(topic_uid)).end
            if end <= offset:
                await rung

    async def reserve(self, topic_uid: str, offset: int) -> None:
        """See Log."""

        def work(transaction: Transaction) -> None:
            db = transaction.db
            _living(transaction.logs.get(db, topic_uid), topic_uid)
            transaction.logs.flush(db)
            log = transaction.logs.change(db, topic_uid, self._steady.read().wall_us)
            log.end = max(offset, log.end)
            if db.execute(_SQL["probe"], (log.id, log.first)).fetchone() is None:
                log.first = log.end

        await self._writer.run(work, lambda: self._ring_anew(topic_uid))

    def _ring_anew(self, topic_uid: str) -> None:
        """Something else than an append changed the log."""
        self._tail.forget(topic_uid)
        self._bells.ring(topic_uid)

    async def sweep_keys(self, before_us: int, limit: int) -> int:
        """Forget up to ``limit`` producer keys older than ``before_us`` and say how many."""

        def remove(wanted: int, transaction: Transaction) -> int:
            return transaction.db.execute(_SQL["sweep_keys"], (before_us, wanted)).rowcount

        return await delete_in_slices(self._writer, remove, limit)

    async def sweep_gone(self) -> None:
        """Remove what a drop that was interrupted left behind."""
        gone = await self._readers.read_on_thread(lambda db: [row[0] for row in db.execute(_SQL["gone_with_messages"])])
        for log_id in gone:
            await self._remove(log_id, 2**62)


def _living(log: LogRow | None, uid: str) -> LogRow | None:
    if log is not None and log.gone:
        raise TopicGone(uid)
    return log


def _standing(db: sqlite3.Connection, uid: str) -> LogRow | None:
    row = db.execute(_SQL["log"], (uid,)).fetchone()
    log = LogRow(*row) if row else None
    return None if log is None or log.gone else log


def _bounds(db: sqlite3.Connection, uid: str) -> Bounds:
    row = db.execute(_SQL["bounds"], (uid,)).fetchone()
    return Bounds(*row) if row else Bounds(0, 0)


def _first_with(db: sqlite3.Connection, log: LogRow, column: int, least: int) -> tuple[int, int, int] | None:
    """The first retained message whose ``column`` (1 time, 2 bytes up to it) is at least ``least``.

    Both columns grow with the offset, so it is found by halving; offsets may have holes.
    """
    low, high = log.first, log.end
    row: tuple[int, int, int] | None = None
    while low < high:
        middle = (low + high) // 2
        probe: tuple[int, int, int] | None = db.execute(_SQL["probe"], (log.id, middle)).fetchone()
        if probe is not None and probe[column] < least:
            low = probe[0] + 1
        else:
            row, high = probe or row, middle
    return row
