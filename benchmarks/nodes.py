"""A store in PostgreSQL: through one node, beside psycopg alone doing the same at the same durability; and three nodes.

Publishes and pulls go through the API of a running daemon, and straight at the store too, as a daemon uses it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from benchmarks import daemon
from benchmarks.deliveries import batches, publish_all
from benchmarks.machine import in_words
from benchmarks.postgres import RawClient, a_database, a_server, is_installed, raw_client
from benchmarks.publish import TEXT
from benchmarks.pull import Puller
from benchmarks.receiver import Receiver, receiving
from benchmarks.rows import Row, on_a_terminal, rate, ratio_of
from benchmarks.scale import FULL, QUICK, Run
from benchmarks.talking import Publisher, Server, Speaker, load, request
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Cursor, NewMessage
from broker.store import Store

NAME: Final = "nodes"
CONNECTIONS: Final = 64
CONSUMERS: Final = 16
NODES: Final = 3
_BATCH: Final = 100
_PUBLISHERS: Final = 8
_ROUNDS_IN_SHORT: Final = 3
_WIDTH: Final = 150
_SPREADS_WITHIN_S: Final = 3.0
_WITHIN_S: Final = 120.0
_TOPIC: Final = "11111111-1111-4111-8111-111111111111"

Step = Callable[[], Awaitable[int]]


async def measure(run: Run) -> list[Row]:
    """The rows of the page on performance: through the API of one node. None without PostgreSQL."""
    if not _is_here(run):
        return []
    short = replace(run, scale=replace(run.scale, rounds=min(run.scale.rounds, _ROUNDS_IN_SHORT)))
    with a_server() as url, raw_client(url) as raw:
        return await _through_a_node(short, url, raw)


def _is_here(run: Run) -> bool:
    if is_installed():
        return True
    run.tell("PostgreSQL is not here: nothing is measured (apt-get install postgresql)")
    return False


async def measure_all(run: Run) -> list[Row]:
    """Rows at the store, through the API, and of deliveries over one and three nodes; none without PostgreSQL."""
    if not _is_here(run):
        return []
    rows: list[Row] = []
    with a_server() as url:
        with raw_client(url) as raw:
            rows += await _at_the_store(run, url, raw)
            rows += await _through_a_node(run, url, raw)
        rows.append(await _deliveries(run, url))
    return rows


async def _at_the_store(run: Run, url: str, raw: RawClient) -> list[Row]:
    run.tell("at the store")
    store = await open_store(url, SystemClock(), "measured")
    try:
        one, many = [NewMessage(TEXT, {"k": "v"})], [NewMessage(TEXT, {"k": "v"})] * _BATCH
        await store.log.append(_TOPIC, many * 100)

        async def single() -> int:
            return (await store.log.append(_TOPIC, one)).count

        async def batch() -> int:
            return (await store.log.append(_TOPIC, many)).count

        pullers = [_puller(store, number) for number in range(CONSUMERS)]
        return [
            await _beside(run, "store: singles, 64 at once", [single] * CONNECTIONS, "0.60", _raw_singles(run, raw)),
            await _beside(run, "store: batches of 100, one by one", [batch], "0.70", _raw_batches(run, raw)),
            await _beside(run, "store: 100 and acknowledge, 16 cursors", pullers, "0.60", _raw_pulls(run, raw)),
        ]
    finally:
        await store.close()


def _puller(store: Store, number: int) -> Step:
    """Reads a hundred, keeps its cursor with what is pending, moves it: as a pull and an acknowledgement do."""
    standing = Cursor(f"s/{number}", 0)

    async def pull() -> int:
        nonlocal standing
        found = await store.log.read(_TOPIC, standing.offset, _BATCH, 1 << 20)
        kept = Cursor(standing.id, standing.offset, standing.rev, pending_to=standing.offset + len(found))
        kept = await store.cursors.put(kept)
        offset = 0 if len(found) < _BATCH else kept.pending_to
        standing = await store.cursors.put(Cursor(kept.id, offset, kept.rev))
        return len(found)

    return pull


def _raw_singles(run: Run, raw: RawClient) -> Callable[[], float]:
    return lambda: raw.singles(CONNECTIONS, run.scale.slice_s, TEXT)


def _raw_batches(run: Run, raw: RawClient) -> Callable[[], float]:
    return lambda: raw.batches(run.scale.slice_s, TEXT)


def _raw_pulls(run: Run, raw: RawClient) -> Callable[[], float]:
    return lambda: raw.pulls(CONSUMERS, run.scale.slice_s, TEXT)


async def _beside(run: Run, what: str, steps: list[Step], wanted: str, limit: Callable[[], float]) -> Row:
    pairs = []
    for _ in range(run.scale.rounds):
        theirs = await asyncio.to_thread(limit)
        pairs.append((await _count(steps, run.scale.slice_s), theirs))
    return _row(run, what, pairs, wanted)


def _row(run: Run, what: str, pairs: list[tuple[float, float]], wanted: str) -> Row:
    ours, limits = rate([one for one, _ in pairs], "msg/s"), rate([limit for _, limit in pairs], "rows/s")
    run.tell(f"{what}: {ours} beside {limits}")
    return Row(NAME, what, ours, "psycopg alone", limits, ratio_of(pairs), wanted)


async def _count(steps: list[Step], seconds: float) -> float:
    done, began = 0, time.perf_counter()

    async def repeat(step: Step) -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            done += await step()

    await asyncio.gather(*(repeat(step) for step in steps))
    return done / (time.perf_counter() - began)


async def _through_a_node(run: Run, url: str, raw: RawClient) -> list[Row]:
    """The same through the API of a daemon."""
    folder = run.folder / "through"
    folder.mkdir()
    store = a_database(url, "through")
    config = daemon.write_config(folder, "http://127.0.0.1:9", subscriptions=CONSUMERS, store=store, node="through")
    with daemon.running(config, STATE_DIRECTORY=str(folder)) as started:
        server = started.server

        def singles() -> list[Speaker]:
            return [Publisher(_published(1), 1) for _ in range(CONNECTIONS)]

        def batches() -> list[Speaker]:
            return [Publisher(_published(_BATCH), _BATCH) for _ in range(_PUBLISHERS)]

        def pulls() -> list[Speaker]:
            return [Puller(number) for number in range(CONSUMERS)]

        await load(server, batches(), run.scale.slice_s)
        return [
            await _loaded(run, server, "API: singles, 64 connections", singles, "0.60", _raw_singles(run, raw)),
            await _loaded(run, server, "API: batches of 100, 8 connections", batches, "0.70", _raw_batches(run, raw)),
            await _loaded(
                run, server, "API: 100 and acknowledge, 16 subscriptions", pulls, "0.60", _raw_pulls(run, raw)
            ),
        ]


async def _loaded(
    run: Run,
    server: Server,
    what: str,
    speakers: Callable[[], Sequence[Speaker]],
    wanted: str,
    limit: Callable[[], float],
) -> Row:
    pairs = []
    for _ in range(run.scale.rounds):
        theirs = await asyncio.to_thread(limit)
        pairs.append(((await load(server, speakers(), run.scale.slice_s)).per_s, theirs))
    return _row(run, what, pairs, wanted)


def _published(batch: int) -> bytes:
    body = {"messages": [{"data": TEXT, "attributes": {"k": "v"}}] * batch}
    return request(f"/v1/{daemon.QUIET_TOPIC}:publish", json.dumps(body).encode())


async def _deliveries(run: Run, url: str) -> Row:
    """A burst to three topics, whose posts go to three destinations: by three nodes, beside one."""
    store = a_database(url, "spread")
    with receiving() as receiver, ExitStack() as undoing:
        servers: list[Server] = []
        for number in range(NODES):
            folder = run.folder / f"node{number}"
            folder.mkdir()
            if number:
                (folder / "sealing.key").symlink_to(run.folder / "node0" / "sealing.key")
            config = daemon.write_spread_config(folder, receiver.url, NODES, store, f"n{number}")
            servers.append(undoing.enter_context(daemon.running(config, STATE_DIRECTORY=str(folder))).server)
            if number == 0:
                run.tell("deliveries by one node")
                alone = await _bursts(run, servers, receiver, "alone")
        await SystemClock().sleep(_SPREADS_WITHIN_S)
        run.tell("deliveries by three nodes")
        together = await _bursts(run, servers, receiver, "together")
    pairs = list(zip(together, alone, strict=True))
    ours, limit = rate(together, "deliveries/s"), rate(alone, "deliveries/s")
    return Row(NAME, "published to arrived over three nodes", ours, "one node", limit, ratio_of(pairs), "1.50")


async def _bursts(run: Run, servers: Sequence[Server], receiver: Receiver, series: str) -> list[float]:
    """Deliveries a second of some bursts, the first not counted."""
    await _burst(servers, receiver, _BATCH * NODES, f"{series}-warm")
    each = range(run.scale.rounds)
    return [await _burst(servers, receiver, run.scale.deliveries, f"{series}-{number}") for number in each]


async def _burst(servers: Sequence[Server], receiver: Receiver, wanted: int, series: str) -> float:
    """Publish a third to each topic, at one node each where there are three; how many arrived a second."""
    count = max(1, wanted // NODES)
    requests = [list(batches(count, f"{series}-{number}", f"{daemon.TOPIC}{number}")) for number in range(NODES)]
    receiver.clear()
    began = time.perf_counter()
    publishing = (publish_all(servers[number % len(servers)], iter(whole)) for number, whole in enumerate(requests))
    await asyncio.gather(*publishing)
    seen = await receiver.wait_for(count * NODES, _WITHIN_S)
    if seen.distinct != count * NODES or seen.posts != seen.distinct:
        raise RuntimeError(f"{count * NODES} messages came to {seen.posts} posts, {seen.distinct} of them distinct")
    return seen.distinct / (seen.last_at - began)


def main() -> None:
    """Measure and print. The page on scale says what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nodes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first look, within a minute or two")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-nodes-") as folder:
        rows = uvloop.run(measure_all(Run(QUICK if asked.quick else FULL, Path(folder), print)))
    console = Console()
    console.width = max(console.width, _WIDTH)
    console.print(on_a_terminal(rows, in_words()))


if __name__ == "__main__":
    main()
