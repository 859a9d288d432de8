"""How fast the SQLite engine is, against what SQLite itself can do on this disk in the same run.

``python -m benchmarks.store_sqlite [--folder DIR] [--seconds S]`` prints a table. A raw row is what one connection
inserts with the same pages and the same durability, nothing else done; ``ratio`` is ours to the raw row of as many
rows in one transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from broker.clock import SystemClock
from broker.engines import open_store
from broker.engines.sqlite.opening import PAGE_BYTES, connect_writer
from broker.model import Attempt, Commit, Cursor, CursorMove, NewDelivery, NewMessage, SettleDelivered, StatePut
from broker.store import Store

_TOPIC = "11111111-1111-4111-8111-111111111111"
_TEXT = "x" * 1_000
_POST = b"p" * 1_200


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    per_s: float
    p50_ms: float
    p99_ms: float
    ratio: float | None = None


def raw(folder: Path, rows: int, seconds: float) -> Line:
    """What SQLite inserts, ``rows`` to a transaction."""
    path = folder / f"raw-{rows}.db"
    db = connect_writer(path)
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE m (o INTEGER PRIMARY KEY, at INTEGER, data TEXT)")
    took_s, offset, began = [], 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO m VALUES (?, 1, ?)", [(offset + n, _TEXT) for n in range(rows)])
        db.execute("COMMIT")
        offset += rows
        took_s.append(time.perf_counter() - start)
    whole_s = time.perf_counter() - began
    db.close()
    return _line(f"raw insert, {rows} to a transaction", offset, whole_s, took_s)


async def hammer(what: str, callers: int, each: int, seconds: float, call: Callable[[int], Awaitable[object]]) -> Line:
    """Let ``callers`` repeat ``call`` for a while; each call counts ``each``."""
    took_s: list[float] = []
    began = time.perf_counter()

    async def repeat(caller: int) -> None:
        while time.perf_counter() - began < seconds:
            start = time.perf_counter()
            await call(caller)
            took_s.append(time.perf_counter() - start)

    await asyncio.gather(*(repeat(caller) for caller in range(callers)))
    return _line(what, len(took_s) * each, time.perf_counter() - began, took_s)


def _line(what: str, count: int, whole_s: float, took_s: list[float]) -> Line:
    took_ms = sorted(1_000 * one for one in took_s)
    return Line(what, count / whole_s, statistics.median(took_ms), took_ms[int(len(took_ms) * 0.99)])


def a_delivery(number: int, order_key: str, destination: str = "ops") -> NewDelivery:
    """A delivery of an ordinary alert."""
    return NewDelivery(
        id=f"00000000-0000-4000-8000-{number:012}",
        origin=f"m/{_TOPIC}/{number}/0",
        rule="registry",
        send=0,
        part=0,
        parts=1,
        destination=destination,
        order_key=order_key,
        priority=1,
        post=_POST,
        phase="firing",
        key=order_key,
        incident="",
        stands_for=1,
        topic_uid=_TOPIC,
        offset=number,
        version="f" * 16,
        places={"host": order_key, "service": "srm"},
        severity="critical",
        due_us=0,
        created_us=number,
    )


async def publishing(store: Store, folder: Path, seconds: float) -> list[Line]:
    """Appends of one message by many publishers, and of batches, each after its raw limit; and reading them."""
    lines = []
    message = [NewMessage(_TEXT, {"kind": "alert"})]
    for publishers in (1, 16, 64, 256):
        limit = await asyncio.to_thread(raw, folder, publishers, seconds)
        what = f"publish one message, {publishers} publishers"
        line = await hammer(what, publishers, 1, seconds, lambda _: store.log.append(_TOPIC, message))
        lines += [limit, replace(line, ratio=line.per_s / limit.per_s)]
    limit = await asyncio.to_thread(raw, folder, 1_600, seconds)
    batch = message * 100
    what = "publish 100 messages, 16 publishers"
    line = await hammer(what, 16, 100, seconds, lambda _: store.log.append(_TOPIC, batch))
    lines += [limit, replace(line, ratio=line.per_s / limit.per_s)]
    lines.append(
        await hammer("read 100 messages", 4, 100, seconds, lambda n: store.log.read(_TOPIC, n * 100, 100, 10**7))
    )
    lines.append(await hammer("bounds", 4, 1, seconds / 2, lambda _: store.log.bounds(_TOPIC)))
    return lines


async def deciding(store: Store, seconds: float) -> list[Line]:
    """Commits of a router, and moves of cursors."""
    count = 0
    revision = 0

    async def commit(deliveries: int, rows: int) -> None:
        nonlocal count, revision
        news = [a_delivery(count + n, f"host-{(count + n) % 5_000}", "commit") for n in range(deliveries)]
        state = [
            StatePut(f"registry/dedupe/{(count + n) % 5_000}", b"v" * 60, "registry", _TOPIC, 2**60)
            for n in range(rows)
        ]
        count += deliveries
        move = CursorMove(Cursor(f"r/{_TOPIC}", count, revision))
        reads = await store.state.read([row.key for row in state])
        versions = {key: row.version for key, row in reads.items()}
        counters = {(_TOPIC, "decided"): deliveries}
        await store.commit(Commit(cursors=[move], reads=versions, state=state, deliveries=news, counters=counters))
        revision += 1

    lines = [await hammer("commit: cursor, 20 deliveries, 5 rows", 1, 1, seconds, lambda _: commit(20, 5))]
    lines.append(await hammer("commit: cursor, 100 deliveries, 20 rows", 1, 1, seconds, lambda _: commit(100, 20)))
    cursors = [await store.cursors.put(Cursor(f"s/{n}", 0)) for n in range(64)]

    async def move(caller: int) -> None:
        cursors[caller] = await store.cursors.put(replace(cursors[caller], offset=cursors[caller].offset + 1))

    lines.append(await hammer("move a cursor, 64 callers", 64, 1, seconds, move))
    return lines


async def delivering(store: Store, seconds: float) -> list[Line]:
    """Leases and settlements, with a hundred thousand deliveries waiting."""
    clock = SystemClock()
    for first in range(10_000_000, 10_100_000, 1_000):
        await store.commit(
            Commit(deliveries=[a_delivery(n, f"host-{n % 20_000}") for n in range(first, first + 1_000)])
        )
    lines = [await hammer("lease 1 of 100,000 and give back", 1, 1, seconds / 2, lambda _: _lease_and_return(store, 1))]
    lines.append(await hammer("lease 50 and give back", 1, 50, seconds / 2, lambda _: _lease_and_return(store, 50)))
    for couriers, flight in ((1, 1), (1, 50), (6, 50)):

        async def courier(_: int, flight: int = flight) -> None:
            leased = await store.outbox.lease("ops", flight, 60)
            attempt = Attempt(clock.wall_us(), 900, "delivered", "", counted=True)
            await asyncio.gather(*(store.outbox.settle(one.token, SettleDelivered(), attempt) for one in leased))

        line = await hammer(f"lease and settle, {couriers} couriers of {flight}", couriers, flight, seconds, courier)
        lines.append(line)
    lines.append(await hammer("next due time", 1, 1, seconds / 2, lambda _: store.outbox.next_due_us("ops")))
    return lines


async def _lease_and_return(store: Store, limit: int) -> None:
    leased = await store.outbox.lease("ops", limit, 60)
    await store.outbox.give_back([one.token for one in leased])


async def measure(folder: Path, seconds: float) -> list[Line]:
    """Everything, in one store."""
    store = await open_store(f"sqlite://{folder / 'store.db'}", SystemClock())
    try:
        return [
            *await publishing(store, folder, seconds),
            *await deciding(store, seconds),
            *await delivering(store, seconds),
        ]
    finally:
        await store.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the files lie (a folder on the disk to be measured)")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each line is measured")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        lines = uvloop.run(measure(Path(folder), wanted.seconds))
    table = Table(title=f"SQLite {sqlite3.sqlite_version}, pages of {PAGE_BYTES} bytes, synchronous=FULL")
    for heading in ("what", "per second", "p50 ms", "p99 ms", "ratio"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        table.add_row(line.what, f"{line.per_s:,.0f}", f"{line.p50_ms:.2f}", f"{line.p99_ms:.2f}", ratio)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
