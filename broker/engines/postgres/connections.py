"""Connections to the database: how one is made, and those that read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrBinaryDumper, StrDumper, TextLoader

from broker.engines.postgres.address import Address
from broker.engines.postgres.failures import is_broken, store_error, translate_errors
from broker.engines.postgres.queries import Parameters, Rows, ask
from broker.errors import StoreUnavailable

T = TypeVar("T")
Db: TypeAlias = AsyncConnection

_READERS: Final = 4
_SESSION: Final = (
    "SET enable_seqscan = off; SET jit = off; "
    "SET idle_in_transaction_session_timeout = '2s'; SET tcp_user_timeout = '2s'"
)
"""How every session is set.

A plan lasts as long as its connection, and is made while tables may be small: to read them whole looks cheap then, and
the first commits in a new database were measured to take twice as long. A node that is paused or cut off within a
transaction would keep its locks from all others: after two seconds the server ends it, whether it waits for the node's
next word or for it to take an answer. By the time a node counts as gone, what it had begun is.
"""
_MARK: Final = "\x01"
_MARK_BYTES: Final = _MARK.encode()


def escape_nul(text: str) -> str:
    """A text as PostgreSQL can keep it: NUL, which it cannot, is written as the next sign and a digit: in its order."""
    if "\x00" in text or _MARK in text:
        return text.replace(_MARK, f"{_MARK}1").replace("\x00", f"{_MARK}0")
    return text


def unescape_nul(text: str) -> str:
    """What ``escape_nul`` was given."""
    return text.replace(f"{_MARK}0", "\x00").replace(f"{_MARK}1", _MARK)


class _Told(StrDumper):
    """Sends a text as ``escape_nul`` writes it."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escape_nul(obj))


class _ToldInBinary(StrBinaryDumper):
    """The same in binary."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escape_nul(obj))


class _Heard(TextLoader):
    """Reads a text as ``heard`` does."""

    def load(self, data: Buffer) -> bytes | str:
        text = super().load(data)
        return unescape_nul(text) if isinstance(text, str) and _MARK_BYTES in bytes(data) else text


logging.getLogger("psycopg").setLevel(logging.ERROR)  # a connection that is lost is told by who asked over it


async def connect(address: Address) -> Db:
    """A connection that commits each statement unless told otherwise. Raises psycopg.Error."""
    db = await AsyncConnection.connect(address.conninfo, autocommit=True)
    for dumper in (_Told, _ToldInBinary):
        db.adapters.register_dumper(str, dumper)
    db.adapters.register_loader("text", _Heard)
    try:
        await db.execute(_SESSION)
    except BaseException:
        await db.close()
        raise
    return db


class ReadConnections:
    """Runs reads on a few connections, made when they are needed. They see what was committed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[Db] = []
        self._places = asyncio.Semaphore(_READERS)
        self.is_closed = False

    async def rows(self, text: str, parameters: Parameters = None) -> Rows:
        """The rows that one statement gives. Raises StoreUnavailable and StoreCorrupt."""
        return await self.run(lambda db: ask(db, text, parameters))

    async def run(self, read: Callable[[Db], Awaitable[T]]) -> T:
        """What ``read`` makes of some statements. On a connection that broke it is begun once more on a new one.

        Raises StoreUnavailable and StoreCorrupt.
        """
        async with self._places:
            if self.is_closed:
                raise StoreUnavailable("it is closed", "closed")
            try:
                return await self._try(read, fresh=False)
            except (psycopg.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
                if not is_broken(error):
                    raise store_error(error) from error
            with translate_errors():
                return await self._try(read, fresh=True)

    async def _try(self, read: Callable[[Db], Awaitable[T]], *, fresh: bool) -> T:
        if fresh:
            await self._forget()
        db = self._idle.pop() if self._idle else await connect(self._address)
        try:
            return await read(db)
        finally:
            if db.closed or self.is_closed or db.info.transaction_status != TransactionStatus.IDLE:
                await db.close()
            else:
                self._idle.append(db)

    async def _forget(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def close(self) -> None:
        """Let reads that began end, refuse others, and close the connections. Idempotent."""
        self.is_closed = True
        for _ in range(_READERS):
            await self._places.acquire()
        await self._forget()
        for _ in range(_READERS):
            self._places.release()
