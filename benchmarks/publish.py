"""Publish through the API of a running daemon, beside a bare app doing the same durable append, and SQLite alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Final

from benchmarks import bare, daemon
from benchmarks.machine import pin, unpin
from benchmarks.rows import Row, rate, ratio_of
from benchmarks.scale import Run
from benchmarks.talking import Measured, Publisher, Server, load, request
from benchmarks.tls_calls import measure_calls

NAME: Final = "publish"
TEXT: Final = base64.b64encode(b"x" * 768).decode()  # 1 KiB as it travels
_WANTED: Final = {(64, 1): "0.80", (64, 100): "0.70"}
CASES: Final = ((1, 1), (64, 1), (1, 100), (64, 100))


async def measure(run: Run) -> list[Row]:
    """Two rows for each case, and two of calls over TLS.

    Servers are pinned to one processor and loaded from the others, in turn.
    """
    config = daemon.write_config(run.folder, "http://127.0.0.1:9")
    pin(0, server=False)
    try:
        with (
            daemon.running(config, pinned=True) as started,
            bare.bare_server(run.folder / "bare", pinned=True) as limit,
        ):
            rows: list[Row] = []
            for connections, batch in CASES:
                run.tell(f"{connections} connections, {batch} to a request")
                rows += await _compare(run, started.server, limit, connections, batch)
        return [*rows, *measure_calls(run, NAME)]
    finally:
        unpin()


async def _compare(run: Run, ours: Server, theirs: Server, connections: int, batch: int) -> Sequence[Row]:
    said = request(
        f"/v1/{daemon.QUIET_TOPIC}:publish",
        json.dumps({"messages": [{"data": TEXT, "attributes": {"k": "v"}}] * batch}).encode(),
    )
    found: list[dict[str, Measured]] = []
    raw: list[float] = []
    for n in range(run.scale.rounds):
        one: dict[str, Measured] = {}
        for which in ("ours", "theirs") if n % 2 else ("theirs", "ours"):
            server = ours if which == "ours" else theirs
            one[which] = await load(server, [Publisher(said, batch) for _ in range(connections)], run.scale.slice_s)
        found.append(one)
        raw.append(bare.raw_inserts(run.folder, connections * batch, run.scale.slice_s / 2, TEXT))
    by_wall = ratio_of([(one["ours"].per_s, one["theirs"].per_s) for one in found])
    by_cpu = ratio_of([(one["theirs"].cpu_us or 1.0, one["ours"].cpu_us or 1.0) for one in found])
    what = f"{connections} connection{'s' * (connections > 1)}, {'single' if batch == 1 else f'batches of {batch}'}"
    per_s = [one["ours"].per_s for one in found]
    wanted = _WANTED.get((connections, batch), "")
    limit = rate([one["theirs"].per_s for one in found], "msg/s")
    inserts = f"SQLite, {connections * batch:,} to a transaction" if connections * batch > 1 else "SQLite, one by one"
    return (
        Row(NAME, what, rate(per_s, "msg/s"), "bare ASGI app", limit, f"{by_wall} (CPU {by_cpu})", wanted),
        Row(
            NAME, what, rate(per_s, "msg/s"), inserts, rate(raw, "rows/s"), ratio_of(list(zip(per_s, raw, strict=True)))
        ),
    )
