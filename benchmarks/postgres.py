"""A PostgreSQL server of our own on the disk to be measured, and what psycopg alone does with the same rows.

Each of psycopg's rows has its own log, so that none of its connections waits for another; its rows have one index, as
messages have, and nothing else is kept for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import uvloop
from psycopg import AsyncConnection

from benchmarks.aside import Aside, aside
from broker.clock import SystemClock

_PLACES: Final = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"))
_SETTINGS: Final = "max_connections = 200\nshared_buffers = 256MB\nmax_wal_size = 4GB\nsynchronous_commit = on\n"
_READY_WITHIN_S: Final = 30.0
_TABLES: Final = """
CREATE TABLE raw (log bigint, at bigint, at_us bigint, data text, attributes bytea, PRIMARY KEY (log, at));
ALTER TABLE raw ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE raw_cursors (id bigint PRIMARY KEY, at bigint, pending bigint) WITH (fillfactor = 50);
"""
_ONE: Final = "INSERT INTO raw VALUES (%b, %b, 0, %b, %b)"
_MANY: Final = (
    "INSERT INTO raw SELECT %b, u.at, 0, u.data, u.attributes "
    "FROM unnest(%b::int8[], %b::text[], %b::bytea[]) AS u (at, data, attributes)"
)
_PULL: Final = "SELECT at, at_us, data, attributes FROM raw WHERE log = %b AND at >= %b ORDER BY at LIMIT 100"
_MOVE: Final = "UPDATE raw_cursors SET at = %b, pending = %b WHERE id = %b"
_BATCH: Final = 100
_FILLED: Final = 10  # batches that each connection reads, round and round


def is_installed() -> bool:
    """Whether the server's programs are here."""
    return any((place / "initdb").exists() for place in _PLACES)


@contextlib.contextmanager
def a_server() -> Iterator[str]:
    """The URL of a server that runs until the block ends, its data in a temporary folder that its account may enter."""
    programs = next(place for place in _PLACES if (place / "initdb").exists())
    own = Path(tempfile.mkdtemp(prefix="benchmark-pg-"))
    account = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if account is not None:
        shutil.chown(own, account, account)
    data = own / "data"
    words = ["-A", "trust", "-U", "bridge", "-E", "UTF8"]
    subprocess.run([programs / "initdb", "-D", data, *words], user=account, cwd=own, check=True, capture_output=True)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(_SETTINGS)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", own]
    with (own / "log").open("wb") as log:
        server = subprocess.Popen(command, user=account, cwd=own, stdout=log, stderr=log)
    try:
        url = f"postgresql://bridge@127.0.0.1:{port}/postgres"
        _wait_ready(url)
        yield url
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(own, ignore_errors=True)


def a_database(url: str, name: str) -> str:
    """The URL of a new, empty database of this name."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _wait_ready(url: str) -> None:
    until = time.perf_counter() + _READY_WITHIN_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.perf_counter() > until:
                raise
            SystemClock.pause(0.05)
        else:
            return


class RawClient:
    """psycopg alone, in a process of its own."""

    def __init__(self, told: Aside) -> None:
        self._told = told
        told.hear()

    def singles(self, connections: int, seconds: float, text: str) -> float:
        """Rows a second that so many connections insert, a transaction each."""
        return float(self._told.ask(("singles", connections, seconds, text)))

    def batches(self, seconds: float, text: str) -> float:
        """Rows a second that one connection inserts, a hundred in one statement and transaction."""
        return float(self._told.ask(("batches", 1, seconds, text)))

    def pulls(self, connections: int, seconds: float, text: str) -> float:
        """Rows a second that so many connections read, a hundred at a time, with the cursor written twice for each."""
        return float(self._told.ask(("pulls", connections, seconds, text)))


@contextlib.contextmanager
def raw_client(url: str) -> Iterator[RawClient]:
    """The client, which makes its own tables."""
    with aside(_serve, url) as told:
        yield RawClient(told)


def _serve(pipe: Connection, url: str) -> None:
    uvloop.run(_answer(pipe, url))


async def _answer(pipe: Connection, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(_TABLES)
    pipe.send("ready")
    log = 0
    while True:
        what, connections, seconds, text = await asyncio.to_thread(pipe.recv)
        made = [await AsyncConnection.connect(url, autocommit=True) for _ in range(connections)]
        steps = [await _step(what, db, log + number, text) for number, db in enumerate(made)]
        log += connections
        await asyncio.gather(*(step() for step in steps))  # a new session reads the catalog first, and plans
        pipe.send(await _count(steps, seconds))
        for db in made:
            await db.close()


async def _count(steps: list[Callable[[], Awaitable[int]]], seconds: float) -> float:
    rows, began = 0, time.perf_counter()

    async def repeat(step: Callable[[], Awaitable[int]]) -> None:
        nonlocal rows
        while time.perf_counter() - began < seconds:
            rows += await step()

    await asyncio.gather(*(repeat(step) for step in steps))
    return rows / (time.perf_counter() - began)


async def _step(what: str, db: AsyncConnection, log: int, text: str) -> Callable[[], Awaitable[int]]:
    at = 0

    async def single() -> int:
        nonlocal at
        await db.execute(_ONE, (log, at, text, b"{}"))
        at += 1
        return 1

    async def batch() -> int:
        nonlocal at
        await db.execute(_MANY, (log, list(range(at, at + _BATCH)), [text] * _BATCH, [b"{}"] * _BATCH))
        at += _BATCH
        return _BATCH

    async def pull() -> int:
        nonlocal at
        found = await (await db.execute(_PULL, (log, at))).fetchall()
        await db.execute(_MOVE, (at, at + len(found), log))
        await db.execute(_MOVE, (at + len(found), 0, log))
        at = 0 if len(found) < _BATCH else at + _BATCH
        return len(found)

    if what != "pulls":
        return single if what == "singles" else batch
    await db.execute("INSERT INTO raw_cursors VALUES (%s, 0, 0)", (log,))
    for _ in range(_FILLED):
        await batch()
    at = 0
    return pull
