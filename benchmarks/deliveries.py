"""From publish to the receiver through one real daemon: publish, store, decide, render, lease, post, settle.

A burst is published in batches of a hundred, each message about a host of its own; the clock runs from the first
publish to the last arrival. Beside it stands the bare HTTP client posting the same body, as many at once.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Final

from benchmarks import bare, daemon
from benchmarks.receiver import Receiver, receiving
from benchmarks.rows import Row, rate, ratio_of
from benchmarks.rules import FLAT
from benchmarks.scale import Run
from benchmarks.talking import Connection, Server, connect, request
from broker.clock import SystemClock

NAME: Final = "deliveries"
WANTED_PER_S: Final = 1_000
_BATCH: Final = 100
_WITHIN_S: Final = 120.0
_CLOCK: Final = SystemClock()


def message(host: str) -> dict[str, object]:
    """A status event about a host, as the API takes it."""
    return {"data": base64.b64encode(json.dumps(FLAT | {"hostname": host}).encode()).decode(), "attributes": {}}


def batches(count: int, series: str) -> Iterator[bytes]:
    """Requests that publish so many messages."""
    for first in range(0, count, _BATCH):
        hosts = (f"{series}-{n}.example.org" for n in range(first, min(first + _BATCH, count)))
        yield request(
            f"/v1/{daemon.TOPIC}:publish", json.dumps({"messages": [message(host) for host in hosts]}).encode()
        )


async def publish_all(server: Server, requests: Iterator[bytes]) -> None:
    """Send one request after the other on one connection. Raises RuntimeError for a bad answer."""
    following = iter(requests)

    def answered(connection: Connection, _: bytes) -> None:
        if (whole := next(following, None)) is not None:
            connection.send(whole)
        else:
            connection.close()

    connection = await connect(server.port, answered)
    connection.send(next(following))
    await connection.closed
    if connection.broken:
        raise RuntimeError(f"the server answered: {connection.broken}")


async def measure(run: Run) -> list[Row]:
    """One row; every message arrives once, or it raises RuntimeError."""
    count, pairs = run.scale.deliveries, []
    with (
        receiving() as receiver,
        bare.bare_client() as client,
        daemon.running(daemon.write_config(run.folder, receiver.url)) as started,
    ):
        await burst(started.server, receiver, _BATCH, "warm")
        body = receiver.bodies()[0][1]
        for n in range(run.scale.rounds):
            run.tell(f"round {n + 1} of {run.scale.rounds}")
            limit = client.rate(receiver.url, body, count)
            pairs.append((await burst(started.server, receiver, count, f"round{n}"), limit))
    ours = rate([one for one, _ in pairs], "deliveries/s")
    limits = rate([limit for _, limit in pairs], "posts/s")
    what = f"published to arrived, {daemon.CONCURRENCY} at once"
    return [Row(NAME, what, ours, "bare HTTP client", limits, ratio_of(pairs), f"≥ {WANTED_PER_S:,}/s")]


async def burst(server: Server, receiver: Receiver, count: int, series: str) -> float:
    """Publish so many and say how many arrived a second. Raises RuntimeError when one came twice."""
    requests = list(batches(count, series))
    receiver.clear()
    began = time.perf_counter()
    await publish_all(server, iter(requests))
    seen = await receiver.wait_for(count, _WITHIN_S)
    if seen.distinct != count or seen.posts != count:
        raise RuntimeError(f"{count} messages came to {seen.posts} posts, {seen.distinct} of them distinct")
    return count / (seen.last_at - began)
