"""From publish to the receiver through one real daemon: publish, store, decide, render, lease, post, settle.

A burst is published in batches of a hundred, each message about a host of its own; the clock runs from the first
publish to the last arrival. Beside it stands the bare HTTP client posting the same body, as many at once; and, where it
is installed, Alertmanager, told of as many alerts. A rule without key is one line: its posts go out one behind the
other, and beside that stands the client that does so.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks import bare, daemon, peer
from benchmarks.receiver import Receiver, receiving
from benchmarks.rows import Row, rate, ratio_of
from benchmarks.rules import FLAT
from benchmarks.scale import Run
from benchmarks.talking import Connection, Server, connect, request
from broker.clock import SystemClock

NAME: Final = "deliveries"
WANTED_PER_S: Final = 1_000
WANTED_OF_CLIENT: Final = 0.5
WANTED_OF_PEER: Final = 1.3
WANTED_OF_KEYED: Final = 0.7
_BATCH: Final = 100
_WITHIN_S: Final = 120.0
_CLOCK: Final = SystemClock()


def message(host: str) -> dict[str, object]:
    """A status event about a host, as the API takes it."""
    return {"data": base64.b64encode(json.dumps(FLAT | {"hostname": host}).encode()).decode(), "attributes": {}}


def batches(count: int, series: str, topic: str = daemon.TOPIC) -> Iterator[bytes]:
    """Requests that publish so many messages."""
    for hosts in _hosts(count, series):
        yield request(f"/v1/{topic}:publish", json.dumps({"messages": [message(host) for host in hosts]}).encode())


def _hosts(count: int, series: str) -> Iterator[list[str]]:
    for first in range(0, count, _BATCH):
        yield [f"{series}-{n}.example.org" for n in range(first, min(first + _BATCH, count))]


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


@dataclass(frozen=True, slots=True)
class _Round:
    """How many a second: what is measured, and what stands beside it, one after the other."""

    client: float
    keyed: float
    client_in_line: float
    in_line: float
    peer: float | None


async def measure(run: Run) -> list[Row]:
    """A row for lines by host and for a single line beside each limit; every message arrives once, or it raises."""
    rounds: list[_Round] = []
    with contextlib.ExitStack() as open_ones:
        receiver = open_ones.enter_context(receiving())
        client = open_ones.enter_context(bare.bare_client())
        servers = []
        for name in ("keyed", "in-line"):
            (run.folder / name).mkdir()
            config = daemon.write_config(run.folder / name, receiver.url, is_one_line=name == "in-line")
            servers.append(open_ones.enter_context(daemon.running(config)).server)
            await burst(servers[-1], receiver, _BATCH, f"warm-{name}")
        theirs = None
        if peer.is_installed():
            theirs = open_ones.enter_context(peer.running(run.folder / "peer", receiver.url))
        for n in range(run.scale.rounds):
            run.tell(f"round {n + 1} of {run.scale.rounds}")
            rounds.append(await _round(client, servers, theirs, receiver, run.scale.deliveries, n))
    return _rows(rounds)


async def _round(
    client: bare.BareClient, servers: Sequence[Server], theirs: Server | None, receiver: Receiver, count: int, n: int
) -> _Round:
    keyed, in_line = servers
    keyed_per_s = await burst(keyed, receiver, count, f"round{n}")
    body = receiver.bodies()[0][1]
    return _Round(
        client.rate(receiver.url, body, count),
        keyed_per_s,
        client.rate(receiver.url, body, count // 4, at_once=1),
        await burst(in_line, receiver, count, f"line{n}"),
        None if theirs is None else await _burst_of_alerts(theirs, receiver, count, f"peer{n}"),
    )


def _rows(rounds: Sequence[_Round]) -> list[Row]:
    keyed = rate([one.keyed for one in rounds], "deliveries/s")
    in_line = rate([one.in_line for one in rounds], "deliveries/s")
    what, line = f"published to arrived, {daemon.CONCURRENCY} at once", "published to arrived, a rule without key"
    clients = rate([one.client for one in rounds], "posts/s")
    in_turn = rate([one.client_in_line for one in rounds], "posts/s")
    of_client = ratio_of([(one.keyed, one.client) for one in rounds])
    of_keyed = ratio_of([(one.in_line, one.keyed) for one in rounds])
    of_turns = ratio_of([(one.in_line, one.client_in_line) for one in rounds])
    rows = [
        Row(NAME, what, keyed, "bare HTTP client", clients, of_client, f"≥ {WANTED_OF_CLIENT:g}, ≥ {WANTED_PER_S:,}/s"),
        Row(NAME, line, in_line, "with a key", keyed, of_keyed, f"≥ {WANTED_OF_KEYED:g}"),
        Row(NAME, line, in_line, "bare HTTP client, one by one", in_turn, of_turns),
    ]
    beside = [(one.keyed, one.peer) for one in rounds if one.peer is not None]
    if beside:
        theirs = rate([per_s for _, per_s in beside], "posts/s")
        rows.append(Row(NAME, what, keyed, peer.NAME, theirs, ratio_of(beside), f"≥ {WANTED_OF_PEER:g}"))
    return rows


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


async def _burst_of_alerts(server: Server, receiver: Receiver, count: int, series: str) -> float:
    requests = [peer.tell_of(*hosts) for hosts in _hosts(count, series)]
    receiver.clear()
    began = time.perf_counter()
    await publish_all(server, iter(requests))
    seen = await receiver.wait_for(count, _WITHIN_S)
    return count / (seen.last_at - began)
