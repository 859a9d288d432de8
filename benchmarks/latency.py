"""What a lone message costs: how long it takes from publisher to receiver at a steady pace, and the processor's time.

Each message is due at its own moment, whatever became of those before; its time runs from that moment to its arrival.
Beside it stands the shortest way there is: the bare app appends and posts at once, with nothing kept in between. And,
where it is installed, Alertmanager, which does the same work in memory alone.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks import bare, daemon, peer
from benchmarks.deliveries import message
from benchmarks.machine import cpu_s
from benchmarks.receiver import Receiver, receiving
from benchmarks.rows import Row, quantile_ms
from benchmarks.scale import Run
from benchmarks.talking import Connection, Server, connect, request
from broker.clock import SystemClock

NAME: Final = "latency"
WANTED: Final = {100: "p99 < 50 ms"}
WANTED_BESIDE_PEER: Final = {200: "≤ 1.5, 1.0, 1.0"}
_CONNECTIONS: Final = 16
_WARM: Final = 50
_WITHIN_S: Final = 60.0
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Lone:
    """Milliseconds: what half of the messages, and all but a hundredth, took at most; and the processor for each."""

    p50_ms: float
    p99_ms: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, CPU {self.cpu_ms:.2f} ms"


async def measure(run: Run) -> list[Row]:
    """For each pace a row beside the bare app, and one beside the peer where it is installed."""
    rows = []
    with contextlib.ExitStack() as open_ones:
        receiver = open_ones.enter_context(receiving())
        limit = open_ones.enter_context(bare.bare_server(run.folder / "bare", forward=receiver.url))
        ours = open_ones.enter_context(daemon.running(daemon.write_config(run.folder, receiver.url))).server
        theirs = None
        if peer.is_installed():
            theirs = open_ones.enter_context(peer.running(run.folder / "peer", receiver.url))
            await at_pace(theirs, receiver, _WARM, _WARM, peer.tell_of)
        for server in (ours, limit):
            await at_pace(server, receiver, _WARM, _WARM)
        for per_s in run.scale.latency_rates:
            run.tell(f"{per_s:,} messages a second")
            count = max(int(per_s * run.scale.latency_s), run.scale.latency_least)
            least = await _lone(limit, receiver, per_s, count)
            told = await _lone(ours, receiver, per_s, count)
            rows.append(_row(per_s, told, "append and post at once", least, WANTED))
            if theirs is not None:
                beside = await _lone(theirs, receiver, per_s, count, peer.tell_of)
                rows.append(_row(per_s, told, peer.NAME, beside, WANTED_BESIDE_PEER))
    return rows


async def _lone(
    server: Server, receiver: Receiver, per_s: int, count: int, say: Callable[[str], bytes] | None = None
) -> Lone:
    before_s = cpu_s(server.pid)
    seconds = await at_pace(server, receiver, per_s, count, say or publish_one)
    cpu_ms = max(cpu_s(server.pid) - before_s, 1e-3) / count * 1e3
    return Lone(quantile_ms(seconds, 0.50), quantile_ms(seconds, 0.99), cpu_ms)


def _row(per_s: int, ours: Lone, beside: str, limit: Lone, wanted: Mapping[int, str]) -> Row:
    ratios = (ours.p50_ms / limit.p50_ms, ours.p99_ms / limit.p99_ms, ours.cpu_ms / limit.cpu_ms)
    what = f"published to arrived, {per_s:,} messages/s"
    return Row(
        NAME, what, str(ours), beside, str(limit), ", ".join(f"{ratio:.1f}" for ratio in ratios), wanted.get(per_s, "")
    )


def publish_one(host: str) -> bytes:
    """A request that publishes a status event about a host."""
    return request(f"/v1/{daemon.TOPIC}:publish", json.dumps({"messages": [message(host)]}).encode())


async def at_pace(
    server: Server, receiver: Receiver, per_s: int, count: int, say: Callable[[str], bytes] = publish_one
) -> list[float]:
    """The seconds each of ``count`` messages took; ``say`` makes the request that tells of a host.

    Raises TimeoutError when one does not arrive, RuntimeError for a bad answer.
    """
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(await connect(server.port, lambda connection, _: idle.put_nowait(connection)))
    receiver.clear()
    due: dict[str, float] = {}
    series = time.perf_counter_ns()  # who was told of a host before may say nothing new
    start = time.perf_counter() + 0.05
    for n in range(count):
        host = f"{series}-{n}.example.org"
        whole = say(host)
        due[host] = start + n / per_s
        if (ahead_s := due[host] - time.perf_counter()) > 0:
            await _CLOCK.sleep(ahead_s)
        (await idle.get()).send(whole)
    await receiver.wait_for(count, _WITHIN_S)
    arrived = {_host_of(body): at for at, body in reversed(receiver.bodies())}
    for _ in range(_CONNECTIONS):
        (await idle.get()).close()
    return [arrived[host] - at for host, at in due.items()]


def _host_of(body: bytes) -> str:
    """The host a post is about: its key, its alert's, or (from the bare app) what the payload says."""
    if body.startswith(b"{"):
        post = json.loads(body)
        return str(post["alerts"][0]["labels"]["host"] if "alerts" in post else post["key"])
    return str(json.loads(base64.b64decode(body))["hostname"])
