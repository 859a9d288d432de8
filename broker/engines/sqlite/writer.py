"""The one thread that writes, and group commit.

SQLite has one writer at a time, and an fsync costs as much as fifty inserts. So every change goes through one thread,
which takes all that are waiting, makes them in one transaction and commits once; each is answered when it is on disk.

An operation checks before it writes. One that raises before it changed anything leaves the others alone. One that
fails later spoils the transaction: it is rolled back, and all of the group are made again one by one, so that only the
one at fault fails. When COMMIT itself fails with an I/O error nobody knows whether the group is in (semantics.md item
7): the connection is closed, a new one is opened and must write something first, which puts an end to the question;
until then the store answers nobody.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from broker.engines.gathering import Gathering
from broker.engines.sqlite.checkpointing import LONG_PAGES, Checkpointer
from broker.engines.sqlite.failures import code_of, damage_of, store_error
from broker.engines.sqlite.opening import PAGE_BYTES, connect_writer, page_bytes
from broker.engines.sqlite.pending_write import PendingWrite
from broker.engines.sqlite.transaction import Transaction
from broker.engines.sqlite.watching import OpenFiles
from broker.errors import BrokerError, OutcomeUnknown, StoreCorrupt, StoreUnavailable

T = TypeVar("T")

_GROUP_CALLS: Final = 1_000
_GROUP_BYTES: Final = 16 * 1024 * 1024
_CHECKPOINT_AFTER_S: Final = 0.2
_LOOK_EVERY_S: Final = 1.0
_LOOK_EACH_GROUPS: Final = 100  # about a second where one is written after the other

_Outcome = tuple[PendingWrite, Any, BaseException | None]


class _Spoiled(Exception):
    """One of several operations spoiled the transaction for all."""


class Writer:
    """Takes operations from the event loop and writes them in groups. See Writes.

    ``files`` says whether what is open is what bears the names; ``on_outside_change`` is called on the loop when
    another process changed the file.
    """

    def __init__(self, path: Path, files: OpenFiles, on_outside_change: Callable[[], None]) -> None:
        self._path = path
        self._files = files
        self._on_outside_change = on_outside_change
        self._loop = asyncio.get_running_loop()
        self._given: SimpleQueue[Sequence[PendingWrite]] = SimpleQueue()
        self._gathering: Gathering[PendingWrite] = Gathering(self._loop, self._given.put)
        self._calls: deque[PendingWrite] = deque()
        self._closing = False
        self._checkpointer = Checkpointer(path)
        try:
            self._transaction: Transaction | None = Transaction(connect_writer(path, moves_log=False))
            self._pages_a_row = page_bytes(self._transaction.db) // PAGE_BYTES
        except BaseException:
            self._checkpointer.close()
            raise
        self._data_version = 0
        self._groups = 0
        self._checkpoint_due = False
        self._unmoved_pages = 0
        self._failure = ""
        self.is_alone = True
        self.is_sure = True  # False while nobody knows whether the last group is in
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """See Writes."""
        return "it is closed" if self._closing else self._failure

    async def run(
        self,
        work: Callable[[Transaction], T],
        then: Callable[[], None] | None = None,
        size_bytes: int = 0,
        within_s: float = 0.0,
    ) -> T:
        """See Writes."""
        if self._closing:
            raise StoreUnavailable("it is closed", "closed")
        call = PendingWrite(work, then, size_bytes, self._loop.create_future())
        self._gathering.put(call, within_s)
        result: T = await call.answer
        return result

    async def close(self) -> None:
        """Write what waits, refuse what comes after, and end the thread. Idempotent."""
        self._gathering.hand_over()
        self._closing = True
        self._given.put(())  # wakes it
        await self._loop.run_in_executor(None, self._thread.join)

    # --- On the writer's own thread -----------------------------------------------------------------

    def _run(self) -> None:
        while True:
            calls = self._next_group()
            if calls:
                self._write(calls)
            elif not self._closing:
                self._idle()
            elif self._given.empty():
                break
        self._shut()

    def _next_group(self) -> list[PendingWrite]:
        """What is written next; nothing when nothing came for a while, or it is to end."""
        with suppress(Empty):
            if not self._calls:
                idle_s = _CHECKPOINT_AFTER_S if self._checkpoint_due else _LOOK_EVERY_S
                self._calls.extend(self._given.get(timeout=idle_s))
            while True:
                self._calls.extend(self._given.get_nowait())
        calls: list[PendingWrite] = []
        size_bytes = 0
        while self._calls and len(calls) < _GROUP_CALLS and size_bytes <= _GROUP_BYTES:
            call = self._calls.popleft()
            size_bytes += call.size_bytes
            calls.append(call)
        return calls

    def _write(self, calls: Sequence[PendingWrite]) -> None:
        try:
            outcomes = self._group(calls)
        except _Spoiled:
            outcomes = [outcome for call in calls for outcome in self._group([call])]
        except Exception as fault:  # ours; but nobody shall wait for ever
            self._doubt()
            outcomes = [(call, None, OutcomeUnknown(repr(fault))) for call in calls]
        self._tell(self._answer, outcomes)
        self._groups += 1
        if self._groups % _LOOK_EACH_GROUPS == 0:
            self._look()
        if self._unmoved_pages >= LONG_PAGES and not self._files.is_overwritten:
            self._unmoved_pages = 0
            self._checkpointer.ask()
        if self._checkpointer.wants_the_rest:
            self._checkpointer.wants_the_rest = False
            self._checkpoint()

    def _group(self, calls: Sequence[PendingWrite]) -> list[_Outcome]:
        """Make operations in one transaction. Raises _Spoiled when there are several and not all can be kept."""
        try:
            transaction = self._begin()
        except StoreUnavailable as error:
            self._failure = error.reason
            return [(call, None, error) for call in calls]
        except sqlite3.Error as error:
            self._let_go()
            return [(call, None, self._fail(error)) for call in calls]
        changes = transaction.db.total_changes
        try:
            outcomes = [self._make(transaction, call) for call in calls]
            transaction.flush()
        except Exception as error:
            self._roll_back(transaction)
            return self._spoil(calls, error)
        try:
            transaction.db.execute("COMMIT")
        except sqlite3.Error as error:
            if code_of(error) != sqlite3.SQLITE_IOERR:
                self._roll_back(transaction)
                return self._spoil(calls, error)
            reason = self._fail(error).reason
            self._doubt()
            return [(call, None, OutcomeUnknown(reason, "failed")) for call in calls]
        transaction.settle()
        self._failure = ""
        self._checkpoint_due = True
        size_bytes = sum(call.size_bytes for call in calls)
        self._unmoved_pages += (transaction.db.total_changes - changes) * self._pages_a_row + size_bytes // PAGE_BYTES
        return outcomes

    def _begin(self) -> Transaction:
        self._check_files()
        transaction = self._transaction or self._reopen()
        transaction.db.execute("BEGIN IMMEDIATE")
        self._look_outside(transaction)
        return transaction

    def _check_files(self) -> None:
        """Raise StoreUnavailable when what would be written is not what the next start finds."""
        reason = self._files.find_trouble()
        if reason:
            raise StoreUnavailable(reason, "replaced")

    @staticmethod
    def _make(transaction: Transaction, call: PendingWrite) -> _Outcome:
        changes = transaction.db.total_changes
        try:
            return call, call.work(transaction), None
        except BrokerError as error:
            if transaction.db.total_changes != changes:
                raise
            return call, None, error

    def _spoil(self, calls: Sequence[PendingWrite], error: Exception) -> list[_Outcome]:
        if len(calls) > 1:
            raise _Spoiled from error
        ours = isinstance(error, sqlite3.Error) or damage_of(error, self._path) is not None
        return [(calls[0], None, self._fail(error) if ours else error)]

    def _roll_back(self, transaction: Transaction) -> None:
        transaction.forget()
        try:
            if transaction.db.in_transaction:
                transaction.db.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._fail(error)
            self._let_go()

    def _fail(self, error: Exception) -> StoreUnavailable | StoreCorrupt:
        """The error for our callers; remembered, so that health is asked of the disk and not of memory."""
        failure = store_error(error, self._path)
        self._failure = failure.reason
        self._checkpoint_due = True  # on a full disk this may be what makes room
        return failure

    # --- After an I/O error during COMMIT -----------------------------------------------------------

    def _doubt(self) -> None:
        """Nobody knows what is in the file: find out before anybody is answered, now or at the next try."""
        self.is_sure = False
        self._let_go()
        try:
            self._reopen()
        except StoreUnavailable as error:
            self._failure = error.reason
        except sqlite3.Error as error:
            self._fail(error)

    def _reopen(self) -> Transaction:
        """Open the file anew. When in doubt, write: a commit after the failed one replaces what was left of it."""
        self._files.note_new_log()
        self._check_files()
        transaction = Transaction(connect_writer(self._path, moves_log=False))
        if not self.is_sure:
            try:
                transaction.db.execute("BEGIN IMMEDIATE")
                transaction.numbers.take_next(transaction.db, "probe")
                transaction.flush()
                transaction.db.execute("COMMIT")
            except sqlite3.Error:
                transaction.db.close()
                raise
            transaction.settle()
            self.is_sure = True
        self._transaction, self._data_version = transaction, 0
        return transaction

    def _let_go(self) -> None:
        if self._transaction is not None:
            self._transaction.db.close()
            self._transaction = None

    # --- In between ---------------------------------------------------------------------------------

    def _look_outside(self, transaction: Transaction) -> None:
        """Forget what is kept in memory when another process wrote to the file."""
        version: int = transaction.db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            transaction.forget()
            if self._data_version:
                self._tell(self._on_outside_change)
            self._data_version = version

    def _look(self) -> str:
        """What is wrong with the files; what the file says of itself is asked only while nothing is moved into it."""
        with self._checkpointer.hold_whole() as is_whole:
            return self._files.look() if is_whole else self._files.find_trouble()

    def _idle(self) -> None:
        """Nothing to write for a while: see whether another process wrote, and move the log into the file."""
        checkpoint_due, self._checkpoint_due = self._checkpoint_due, False
        self._unmoved_pages = 0
        reason = self._look()
        if reason:
            self._failure = reason
            if checkpoint_due:
                self._checkpoint()  # a file that was moved away has all of it then
            return
        try:
            self._look_outside(self._transaction or self._reopen())
        except sqlite3.Error as error:
            self._fail(error)
        else:
            if checkpoint_due:
                self._checkpoint()

    def _checkpoint(self) -> None:
        """Move the log into the file, as far as it goes."""
        if self._files.is_overwritten:
            return
        try:
            transaction = self._transaction or self._reopen()
            self._checkpointer.finish(transaction.db)
        except StoreUnavailable as error:
            self._failure = error.reason
        except sqlite3.Error as error:
            self._fail(error)

    def _shut(self) -> None:
        self._look()
        if self._files.is_overwritten:
            self._files.shield()
        self._checkpointer.close()
        if self._transaction is not None:
            try:
                if not self._files.is_overwritten:
                    self._transaction.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                self._fail(error)
            self._let_go()

    def _tell(self, notify: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(notify, *arguments)
        except RuntimeError:
            self._failure = "the event loop it belongs to has ended"

    @staticmethod
    def _answer(outcomes: Sequence[_Outcome]) -> None:
        for call, result, error in outcomes:
            if not call.answer.done():
                if error is None:
                    call.answer.set_result(result)
                else:
                    call.answer.set_exception(error)
        for call, _, error in outcomes:
            if error is None and call.then is not None:
                call.then()
