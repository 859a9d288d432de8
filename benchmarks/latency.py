"""How long a message takes from publisher to receiver, at a steady pace.

Each message is due at its own moment, whatever became of those before; its time runs from that moment to its arrival.
Beside it stands the shortest way there is: the bare app appends and posts at once, with nothing kept in between.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Final

from benchmarks import bare, daemon
from benchmarks.deliveries import message
from benchmarks.receiver import Receiver, receiving
from benchmarks.rows import Row, quantile_ms
from benchmarks.scale import Run
from benchmarks.talking import Connection, Server, connect, request
from broker.clock import SystemClock

NAME: Final = "latency"
WANTED: Final = {100: "p99 < 50 ms"}
_CONNECTIONS: Final = 16
_WITHIN_S: Final = 60.0
_CLOCK: Final = SystemClock()


async def measure(run: Run) -> list[Row]:
    """A row for each pace."""
    rows = []
    with (
        receiving() as receiver,
        bare.bare_server(run.folder / "bare", forward=receiver.url) as limit,
        daemon.running(daemon.write_config(run.folder, receiver.url)) as started,
    ):
        for server in (started.server, limit):
            await at_pace(server, receiver, 50, 25)
        for per_s in run.scale.latency_rates:
            run.tell(f"{per_s:,} messages a second")
            count = max(int(per_s * run.scale.latency_s), run.scale.latency_least)
            theirs = await at_pace(limit, receiver, per_s, count)
            ours = await at_pace(started.server, receiver, per_s, count)
            rows.append(_row(per_s, ours, theirs))
    return rows


def _row(per_s: int, ours: list[float], theirs: list[float]) -> Row:
    p50, p99 = quantile_ms(ours, 0.50), quantile_ms(ours, 0.99)
    least_p50, least_p99 = quantile_ms(theirs, 0.50), quantile_ms(theirs, 0.99)
    return Row(
        NAME,
        f"published to arrived, {per_s:,} messages/s",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        "append and post at once",
        f"p50 {least_p50:.1f} ms, p99 {least_p99:.1f} ms",
        f"{p50 / least_p50:.1f}, {p99 / least_p99:.1f}",
        WANTED.get(per_s, ""),
    )


async def at_pace(server: Server, receiver: Receiver, per_s: int, count: int) -> list[float]:
    """The seconds each of ``count`` messages took. Raises TimeoutError when one does not arrive, RuntimeError."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(await connect(server.port, lambda connection, _: idle.put_nowait(connection)))
    receiver.clear()
    due: dict[str, float] = {}
    start = time.perf_counter() + 0.05
    for n in range(count):
        host = f"{server.port}-{per_s}-{n}.example.org"
        whole = request(f"/v1/{daemon.TOPIC}:publish", json.dumps({"messages": [message(host)]}).encode())
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
    """The host a post is about: its key, or (from the bare app) what the payload says."""
    if body.startswith(b"{"):
        return str(json.loads(body)["key"])
    return str(json.loads(base64.b64decode(body))["hostname"])
