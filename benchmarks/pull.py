"""Pull a hundred messages and acknowledge them, beside a bare app that reads and keeps the cursor as durably."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from benchmarks import bare, daemon
from benchmarks.machine import pin, unpin
from benchmarks.publish import TEXT
from benchmarks.rows import Row, rate, ratio_of
from benchmarks.scale import Run
from benchmarks.talking import Measured, Publisher, Server, load, request

NAME: Final = "pull"
CONNECTIONS: Final = (1, 16)
_PULL: Final = json.dumps({"maxMessages": "100", "returnImmediately": "true"}).encode()
_BATCH: Final = 100


class _AckId(msgspec.Struct, rename="camel"):
    ack_id: str


class _Pulled(msgspec.Struct, rename="camel"):
    received_messages: list[_AckId]


class Puller:
    """Pulls, acknowledges, pulls; goes back to the start at the end."""

    def __init__(self, number: int) -> None:
        self.messages = 0
        self._path = f"/v1/projects/P/subscriptions/s{number}"
        self._pull = request(f"{self._path}:pull", _PULL)
        self._pulled = msgspec.json.Decoder(_Pulled)
        self._waits = False

    def say(self, answer: bytes | None) -> bytes:
        """See Speaker."""
        if answer is None or not self._waits:
            self._waits = True
            return self._pull
        self._waits = False
        found = self._pulled.decode(answer).received_messages
        self.messages += len(found)
        if not found:
            return request(f"{self._path}:modifyOffset", b'{"offset": 0}')
        return request(f"{self._path}:acknowledge", json.dumps({"ackIds": [found[-1].ack_id]}).encode())


async def measure(run: Run) -> list[Row]:
    """A row for one consumer and one for several, each with a subscription of its own."""
    config = daemon.write_config(run.folder, "http://127.0.0.1:9", subscriptions=max(CONNECTIONS))
    pin(0, server=False)
    try:
        with (
            daemon.running(config, pinned=True) as started,
            bare.bare_server(run.folder / "bare", pinned=True) as limit,
        ):
            for server in (started.server, limit):
                await _fill(server, run.scale.slice_s)
            return [await _compare(run, started.server, limit, connections) for connections in CONNECTIONS]
    finally:
        unpin()


async def _fill(server: Server, seconds: float) -> None:
    body = json.dumps({"messages": [{"data": TEXT, "attributes": {"k": "v"}}] * _BATCH}).encode()
    await load(server, [Publisher(request(f"/v1/{daemon.QUIET_TOPIC}:publish", body), _BATCH)], seconds)


async def _compare(run: Run, ours: Server, theirs: Server, connections: int) -> Row:
    run.tell(f"{connections} consumers")
    found: list[tuple[Measured, Measured]] = []
    for _ in range(run.scale.rounds):
        limit = await load(theirs, [Puller(n) for n in range(connections)], run.scale.slice_s)
        found.append((await load(ours, [Puller(n) for n in range(connections)], run.scale.slice_s), limit))
    by_wall = ratio_of([(one.per_s or 1.0, limit.per_s or 1.0) for one, limit in found])
    by_cpu = ratio_of([(limit.cpu_us or 1.0, one.cpu_us or 1.0) for one, limit in found])
    return Row(
        NAME,
        f"100 and acknowledge, {connections} consumer{'s' * (connections > 1)}",
        rate([one.per_s for one, _ in found], "msg/s"),
        "bare ASGI app",
        rate([limit.per_s for _, limit in found], "msg/s"),
        f"{by_wall} (CPU {by_cpu})",
    )
