"""What ten or a hundred nodes ask of the database to share their workers, and how soon the dead are taken over.

    python -m benchmarks.many_nodes postgresql://user@host/empty --nodes 10 --nodes 100

The nodes are the engine's own ownership (broker/engines/postgres/ownership.py), one connection each, in one process;
the database is a real one. What is not real: they run no workers, there is no network between them, and all share the
processor with the database, so that at a hundred nodes it is the machine that is measured as much as the traffic. A
node that dies says nothing any more; it is counted how long each of its workers is at nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg

from broker.clock import Clock, SystemClock
from broker.engines.postgres.address import address_of
from broker.engines.postgres.connections import connect
from broker.engines.postgres.opening import prepare
from broker.engines.postgres.ownership import PostgresOwnership, register
from broker.steady import SteadyTime, resume

WORKERS_A_NODE: Final = 10
EACH_S: Final = 1.0
SETTLING_S: Final = 8.0
DEATHS: Final = 5
BETWEEN_DEATHS_S: Final = 7.0


@dataclass(slots=True)
class SimulatedNode:
    """One node: what it holds, when it took it, and how long each of its calls took."""

    name: str
    ownership: PostgresOwnership
    held: set[str] = field(default_factory=set)
    taken_s: dict[str, float] = field(default_factory=dict)
    calls_s: list[float] = field(default_factory=list)
    keeping: asyncio.Task[None] | None = None


async def _keep(node: SimulatedNode, wanted: Sequence[str], clock: Clock, begins_s: float) -> None:
    """Hold each second, as a daemon does."""
    await clock.sleep(begins_s)
    while True:
        began_s = clock.monotonic()
        held = set(await node.ownership.hold(node.name, wanted))
        now_s = clock.monotonic()
        node.calls_s.append(now_s - began_s)
        node.taken_s |= dict.fromkeys(held - node.held, now_s)
        node.held = held
        await clock.sleep(max(EACH_S - (now_s - began_s), 0))


async def _begin(url: str, count: int, clock: Clock, rng: random.Random) -> list[SimulatedNode]:
    address, nodes = address_of(url), []
    wanted = [f"courier:d{number}" for number in range(count * WORKERS_A_NODE)]
    db = await connect(address)
    try:
        await prepare(db)
        for number in range(count):
            holder, _ = await register(db, f"n{number}")
            steady: SteadyTime = resume(clock, None, 0, 0)
            nodes.append(SimulatedNode(f"n{number}", PostgresOwnership(address, holder, steady)))
    finally:
        await db.close()
    for node in nodes:
        node.keeping = asyncio.create_task(_keep(node, wanted, clock, rng.random() * EACH_S))
    return nodes


def _counted(url: str) -> tuple[int, int]:
    """Transactions of the database so far, and rows written."""
    question = "SELECT xact_commit, tup_updated + tup_inserted FROM pg_stat_database WHERE datname = current_database()"
    with psycopg.connect(url, autocommit=True) as db:
        row = db.execute(question).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def _kill_some(nodes: list[SimulatedNode], clock: Clock, rng: random.Random) -> list[float]:
    """How long each worker of nodes that died was at nobody."""
    gaps = []
    for _ in range(min(DEATHS, len(nodes) - 1)):
        dead = nodes.pop(rng.randrange(len(nodes)))
        assert dead.keeping is not None
        died_s = clock.monotonic()
        dead.keeping.cancel()
        await clock.sleep(BETWEEN_DEATHS_S)
        for worker in dead.held:
            taken = [node.taken_s[worker] for node in nodes if node.taken_s.get(worker, 0) > died_s]
            gaps.append(min(taken) - died_s if taken else float("inf"))
        await dead.ownership.close()
    return gaps


async def simulate(url: str, count: int, clock: Clock, rng: random.Random) -> str:
    """A row of the table for so many nodes."""
    nodes = await _begin(url, count, clock, rng)
    try:
        await clock.sleep(SETTLING_S)
        before, began_s = _counted(url), clock.monotonic()
        for node in nodes:
            node.calls_s.clear()
        await clock.sleep(SETTLING_S)
        after, took_s = _counted(url), clock.monotonic() - began_s
        calls = sorted(call_s for node in nodes for call_s in node.calls_s)
        held = [len(node.held) for node in nodes]
        gaps = sorted(await _kill_some(nodes, clock, rng))
    finally:
        for node in nodes:
            if node.keeping is not None:
                node.keeping.cancel()
            await node.ownership.close()
    return (
        f"| {count} | {count * WORKERS_A_NODE} | {min(held)}-{max(held)} | {(after[0] - before[0]) / took_s:.0f} | "
        f"{(after[1] - before[1]) / took_s:.0f} | {statistics.median(calls) * 1000:.1f} ms, "
        f"{calls[int(len(calls) * 0.99)] * 1000:.0f} ms | {statistics.median(gaps):.1f} s, {gaps[-1]:.1f} s |"
    )


def main() -> None:
    """Read the command line, simulate, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_nodes", description=__doc__)
    parser.add_argument("url", help="an empty database, which takes a connection for each node")
    parser.add_argument("--nodes", type=int, action="append", help="how many (may be repeated); 10 and 100")
    asked = parser.parse_args()
    print("| Nodes | Workers | Each has | Transactions/s | Rows written/s | A look: p50, p99 | At nobody: p50, max |")
    print("|---|---|---|---|---|---|---|")
    for count in asked.nodes or (10, 100):
        with psycopg.connect(asked.url, autocommit=True) as db:
            db.execute("DROP SCHEMA public CASCADE")
            db.execute("CREATE SCHEMA public")
        print(asyncio.run(simulate(asked.url, count, SystemClock(), random.Random(7))))


if __name__ == "__main__":
    main()
