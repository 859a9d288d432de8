"""How many deliveries a second one courier makes: SQLite on disk, a webhook on loopback, settled one by one.

``python -m benchmarks.courier [--deliveries 20000] [--concurrency 32] [--profile]``

Deliveries with distinct order keys are committed first; then the clock runs from the first lease to the last
settlement. The receiver is the stand-in webhook in a process of its own. With ``--profile`` the main thread's time is
shown.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import os
import pstats
import random
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from bridge.core.posts import post_to_bytes
from bridge.delivery.attempts import AttemptResult
from bridge.delivery.courier import Courier
from bridge.destinations.base import Delivered
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.webhook import Webhook, WebhookConfig
from bridge.fakes.listening import serve
from bridge.fakes.webhook import FakeWebhook
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Commit, NewDelivery
from broker.store import Store
from rules.model import Field, Post

_POST = Post(
    text=":red_circle: **SITE-A** is CRITICAL :red_circle:\n**Summary**: certificate expires in 3 days",
    severity="critical",
    fields=(Field("service", "org.example.web"), Field("host", "web1.example.org")),
)


def receive(told: Connection) -> None:
    """Be the receiver until killed; say the address first."""
    uvloop.run(serve(FakeWebhook(keep_last=1_000), "127.0.0.1", 0, started=told.send))


def a_delivery(number: int, now_us: int) -> NewDelivery:
    """One of many, with an order key of its own."""
    return NewDelivery(
        id=f"{number:032x}",
        origin=f"m/bench/{number}/0",
        rule="bench",
        send=0,
        part=0,
        parts=1,
        destination="bench",
        order_key=f"host-{number}",
        priority=1,
        post=post_to_bytes(_POST),
        phase="message",
        key=f"host-{number}",
        incident="",
        stands_for=1,
        topic_uid="bench",
        offset=number,
        version="v1",
        places={"host": f"host-{number}"},
        severity="critical",
        due_us=now_us,
        created_us=now_us,
    )


async def commit_all(store: Store, count: int) -> None:
    """Put deliveries into the outbox, a few hundred in each commit, as a router does."""
    now_us = SystemClock().wall_us()
    for start in range(0, count, 500):
        batch = [a_delivery(number, now_us) for number in range(start, min(start + 500, count))]
        await store.commit(Commit(deliveries=batch))


async def deliver_all(store: Store, url: str, count: int, concurrency: int, profile: cProfile.Profile | None) -> float:
    """Deliver everything and say how many seconds it took."""
    clock = SystemClock()
    config = WebhookConfig(url=url, concurrency=concurrency)
    destination = Webhook("bench", config, make_client(connections=concurrency, timeout_s=10.0), clock)
    done = asyncio.Event()
    outcomes: list[bool] = []

    def told(tried: AttemptResult) -> None:
        outcomes.append(isinstance(tried.outcome, Delivered))
        if len(outcomes) == count:
            done.set()

    courier = Courier("bench", destination, config, store.outbox, clock, random.Random(1), told)
    began = time.perf_counter()
    if profile is not None:
        profile.enable()
    running = asyncio.create_task(courier.run())
    await done.wait()
    if profile is not None:
        profile.disable()
    took_s = time.perf_counter() - began
    await courier.stop(5.0)
    await running
    await destination.close()
    if not all(outcomes):
        raise SystemExit(f"{outcomes.count(False)} tries failed")
    return took_s


async def main(url: str, arguments: argparse.Namespace) -> None:
    """Run it once and print one line of JSON."""
    profile = cProfile.Profile() if arguments.profile else None
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(f"sqlite://{Path(folder) / 'bench.db'}", SystemClock())
        await commit_all(store, arguments.deliveries)
        cpu = time.process_time()
        took_s = await deliver_all(store, url, arguments.deliveries, arguments.concurrency, profile)
        cpu_s = time.process_time() - cpu
        await store.close()
    print(
        json.dumps(
            {
                "deliveries": arguments.deliveries,
                "concurrency": arguments.concurrency,
                "seconds": round(took_s, 2),
                "per_second": round(arguments.deliveries / took_s),
                "cpu_us_each": round(cpu_s / arguments.deliveries * 1e6),
                "cores": os.cpu_count(),
            }
        )
    )
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--profile", action="store_true")
    said = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    receiver.start()
    try:
        uvloop.run(main(ours.recv(), said))
    finally:
        receiver.terminate()
        receiver.join()
