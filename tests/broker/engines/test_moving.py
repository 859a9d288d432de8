"""A store in SQLite moved into PostgreSQL: everything is there, numbers go on, and nothing is left half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.clock import ManualClock
from broker.engines import open_store
from broker.engines.postgres.receiving import receive
from broker.engines.sqlite.table_rows import open_stored_rows
from broker.engines.stored_tables import TABLES, TableCount
from broker.errors import StoreCorrupt, StoreUnavailable, StoreUnusable
from broker.model import Commit, Cursor, DeliveryQuery, Put, SettleAgain, SettleDelivered
from broker.store import Store
from tests.contracts.builders import (
    NOW_US,
    TOPIC,
    a_decision,
    a_delivery,
    a_message,
    a_project,
    a_row,
    an_attempt,
    lease_all,
    messages,
)
from tests.contracts.postgres_databases import an_empty_database


async def fill(store: Store) -> None:
    await store.log.append(TOPIC, [a_message("żółć\x00"), a_message("b", k="v")], "key")
    await store.log.append("t2", messages(5))
    await store.log.trim("t2", 2)
    await store.cursors.put(Cursor("s/x", 1, consume_rate=0.25))
    await store.catalog.write([Put("EGI", a_project(), 0)])
    news = [a_delivery(f"d{n}", order_key=f"k{n % 3}", post=b"\x00\xff") for n in range(9)]
    state = [a_row("k\x001"), a_row("k2", due_us=NOW_US + 5)]
    await store.commit(Commit(state=state, decisions=[a_decision()], counters={(TOPIC, "n"): 3}, deliveries=news))
    leased = await lease_all(store)
    await store.outbox.settle(leased["d0"].token, SettleDelivered("receipt"), an_attempt())
    await store.outbox.settle(leased["d1"].token, SettleAgain(NOW_US + 9), an_attempt(outcome="later"))
    await store.outbox.give_back([leased["d2"].token])


async def all_of(store: Store) -> Any:
    return (
        [await store.log.bounds(uid) for uid in await store.log.topics()],
        [await store.log.read(uid, 0, 100, 10**9) for uid in (TOPIC, "t2")],
        await store.cursors.list(""),
        await store.catalog.list("project"),
        await store.state.list("", 10),
        await store.state.counts(),
        await store.decisions.list_after(0, 10),
        await store.counters(),
        await store.outbox.find(DeliveryQuery()),
        await store.outbox.read("d0"),
        await store.outbox.receipt("ops", "k0"),
        await store.outbox.balances(),
    )


async def move(path: Path, url: str) -> dict[str, TableCount]:
    with open_stored_rows(path) as stored:
        return await receive(url, stored.rows, stored.numbers(), lambda table, rows: None)


async def test_everything_is_there_and_goes_on(tmp_path: Path) -> None:
    path, url, clock = tmp_path / "bridge.db", an_empty_database("moving"), ManualClock()
    store = await open_store(f"sqlite://{path}", clock)
    await fill(store)
    stood = await all_of(store)
    await store.close()
    moved = await move(path, url)
    assert moved["messages"].rows == 5
    store = await open_store(url, clock)
    try:
        assert await all_of(store) == stood
        assert (await store.log.append(TOPIC, messages(1), "key")).repeated
        assert (await store.log.append(TOPIC, messages(1))).first == 2
        assert (await store.log.append("t3", messages(1))).first == 0
        await store.commit(Commit(deliveries=[a_delivery("new")], decisions=[a_decision()], state=[a_row("new")]))
        assert [one.new.id for one in await store.outbox.find(DeliveryQuery(limit=1))] == ["new"]
        assert set(await lease_all(store)) == {"d2", "d3", "new"}
    finally:
        await store.close()


async def test_a_database_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    path, url, clock = tmp_path / "bridge.db", an_empty_database("moving"), ManualClock()
    for one in (f"sqlite://{path}", url):
        store = await open_store(one, clock)
        await fill(store)
        await store.close()
    with pytest.raises(StoreUnusable, match="holds a store already"):
        await move(path, url)


async def test_a_store_that_a_daemon_uses_is_not_moved(tmp_path: Path) -> None:
    path, url = tmp_path / "bridge.db", an_empty_database("moving")
    store = await open_store(f"sqlite://{path}", ManualClock())
    try:
        with pytest.raises(StoreUnavailable):
            await move(path, url)
    finally:
        await store.close()


async def test_what_differs_on_its_arrival_leaves_nothing_behind(tmp_path: Path) -> None:
    path, url = tmp_path / "bridge.db", an_empty_database("moving")
    store = await open_store(f"sqlite://{path}", ManualClock())
    await fill(store)
    await store.close()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.upto = 7; RETURN NEW; END'")
        db.execute("CREATE TRIGGER spoil BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION spoil()")
        try:
            with pytest.raises(StoreCorrupt, match="messages"):
                await move(path, url)
        finally:
            db.execute("DROP FUNCTION spoil CASCADE")
        assert db.execute("SELECT count(*) FROM logs").fetchone() == (0,)


def test_every_table_of_messages_and_decisions_is_moved() -> None:
    """Tables that are not: what nodes, writers, locks and versions of the tables are."""
    with psycopg.connect(an_empty_database("moving")) as db:
        found = {name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert found - {table.name for table in TABLES} == {"lock_slots", "nodes", "schema_versions", "workers", "writers"}
