"""Writes everything at once and prints each answer as it comes, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from broker.clock import SystemClock
from broker.engines.sqlite import open_sqlite
from broker.engines.sqlite.store import SqliteStore
from broker.model import Commit, Cursor, CursorMove, NewMessage, SettleDelivered
from tests.contracts.builders import a_delivery, a_row, an_attempt


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


async def publish(store: SqliteStore, name: str) -> None:
    for number in range(1_000_000):
        answer = await store.log.append("t", [NewMessage(f"{name}.{number}.{part}", {}) for part in range(3)])
        tell("stored", answer.first, f"{name}.{number}")


async def route(store: SqliteStore) -> None:
    standing = await store.cursors.get("r/t") or Cursor("r/t", 0)
    for number in range(standing.offset, 1_000_000):
        await store.commit(
            Commit(
                cursors=[CursorMove(Cursor("r/t", number + 1, standing.rev + number - standing.offset))],
                deliveries=[a_delivery(f"d{number}.{part}", order_key=f"k{number % 7}") for part in range(2)],
                state=[a_row(f"k{number % 50}")],
                counters={("t", "decided"): 2},
            )
        )
        tell("committed", number)


async def deliver(store: SqliteStore) -> None:
    while True:
        for leased in await store.outbox.lease("ops", 5, 60):
            await store.outbox.settle(leased.token, SettleDelivered(), an_attempt())
            tell("delivered", leased.delivery.id)
        await store.outbox.wait_for_news("ops")


async def trim(store: SqliteStore) -> None:
    while True:
        bounds = await store.log.bounds("t")
        await store.log.trim("t", bounds.end - 2_000)
        await store.log.wait_for("t", bounds.end + 300)


async def main(path: Path) -> None:
    store = await open_sqlite(path, SystemClock())
    tell("open")
    await asyncio.gather(*(publish(store, f"p{n}") for n in range(4)), route(store), deliver(store), trim(store))


asyncio.run(main(Path(sys.argv[1])))
