"""PostgreSQL when something breaks: lost answers, cut connections, no standby, no database; and several on one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from broker.clock import ManualClock, SystemClock
from broker.engines import open_reader, open_store
from broker.errors import OutcomeUnknown, StoreNotMade, StoreUnavailable, StoreUnusable
from broker.model import Commit, Health
from broker.store import Store
from tests.broker.engines.cutting_proxy import Cut, CuttingProxy
from tests.contracts.builders import TOPIC, a_delivery, a_move, in_time, messages
from tests.contracts.postgres_databases import a_database, an_empty_database, the_server


@asynccontextmanager
async def a_store_behind_a_proxy() -> AsyncIterator[tuple[Store, CuttingProxy, ManualClock]]:
    clock = ManualClock()
    async with CuttingProxy(an_empty_database()).open() as proxy:
        store = await open_store(proxy.url, clock)
        try:
            yield store, proxy, clock
        finally:
            proxy.refuses = False
            await store.close()


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_publish_whose_answer_was_lost_is_in_once_and_told_so(cut: Cut) -> None:
    async with a_store_behind_a_proxy() as (store, proxy, _):
        await store.log.append(TOPIC, messages(1))
        proxy.cut = cut
        appended = await in_time(store.log.append(TOPIC, messages(2)))
        assert (proxy.cuts, appended.first, appended.count) == (1, 1, 2)
        assert (await store.log.bounds(TOPIC)).end == 3


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_commit_whose_answer_was_lost_is_made_once(cut: Cut) -> None:
    async with a_store_behind_a_proxy() as (store, proxy, _):
        proxy.cut = cut
        await in_time(store.commit(Commit(cursors=[a_move(7)], deliveries=[a_delivery()], counters={(TOPIC, "n"): 1})))
        assert proxy.cuts == 1
        assert await store.counters() == {(TOPIC, "n"): 1}
        assert len(await store.outbox.lease("ops", 9, 30)) == 1


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_where_nobody_can_be_asked_the_outcome_is_unknown(cut: Cut) -> None:
    async with a_store_behind_a_proxy() as (store, proxy, clock):
        await store.log.append(TOPIC, messages(1))
        proxy.cut, proxy.refuses = cut, True
        appending = asyncio.ensure_future(store.log.append(TOPIC, messages(1)))
        while not appending.done():
            await clock.advance(1.0)
            await SystemClock().sleep(0.01)
        with pytest.raises(OutcomeUnknown):
            await appending
        assert not (await store.health()).writable
        proxy.refuses = False
        assert await store.health() == Health(writable=True)
        assert (await store.log.append(TOPIC, messages(1))).first == (2 if cut == "after" else 1)


async def test_connections_that_were_ended_are_made_again() -> None:
    store = await open_store(an_empty_database(), ManualClock())
    try:
        await store.log.append(TOPIC, messages(1))
        await store.commit(Commit(cursors=[a_move(1)]))
        with psycopg.connect(the_server(), autocommit=True) as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE 'ams-bridge%' AND datname = 'contracts'"
            )
        assert (await store.log.append(TOPIC, messages(1))).first == 1
        await store.commit(Commit(cursors=[a_move(2, rev=1)]))
        assert (await store.log.bounds(TOPIC)).end == 2
        waiter = asyncio.ensure_future(store.log.wait_for(TOPIC, 2))
        await store.log.append(TOPIC, messages(1))
        await in_time(waiter)
    finally:
        await store.close()


@pytest.fixture
def watcher() -> Iterator[psycopg.Connection[tuple[int, ...]]]:
    """A connection that changes the server's settings and waits for no standby; they are reset afterwards."""
    with psycopg.connect(the_server(), autocommit=True) as db:
        db.execute("SET synchronous_commit = off")
        try:
            yield db
        finally:
            _want_standby(db, "RESET synchronous_standby_names")


def _want_standby(db: psycopg.Connection[tuple[int, ...]], change: str) -> None:
    db.execute(f"ALTER SYSTEM {change}")
    db.execute("SELECT pg_reload_conf()")


async def test_a_wait_for_the_standby_that_somebody_ends_is_no_success(
    watcher: psycopg.Connection[tuple[int, ...]],
) -> None:
    store = await open_store(an_empty_database(), SystemClock())
    try:
        await store.log.append(TOPIC, messages(1))
        _want_standby(watcher, "SET synchronous_standby_names = 'nobody'")
        await _until(watcher, "SELECT current_setting('synchronous_standby_names') = 'nobody'")
        appending = asyncio.ensure_future(store.log.append(TOPIC, messages(1)))
        waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'contracts'"
        await _until(watcher, f"SELECT count(*) > 0 {waits}")
        assert not appending.done()
        watcher.execute(f"SELECT pg_cancel_backend(pid) {waits}")
        with pytest.raises(OutcomeUnknown, match="at the primary alone"):
            await in_time(appending)
    finally:
        _want_standby(watcher, "RESET synchronous_standby_names")
        await store.close()


async def _until(db: psycopg.Connection[tuple[int, ...]], question: str) -> None:
    async with SystemClock().timeout(20):
        while not db.execute(question).fetchone()[0]:
            await SystemClock().sleep(0.02)


async def test_a_database_that_is_not_there_is_told_by_what_is_to_be_done() -> None:
    server = the_server()
    with pytest.raises(StoreUnusable, match="the database does not exist; create it"):
        await open_store(server.replace("/postgres", "/nothing"), ManualClock())
    with pytest.raises(StoreUnusable, match="the user may not connect"):
        await open_store(server.replace("bridge@", "nobody:secret@"), ManualClock())
    with pytest.raises(StoreUnavailable, match="cannot be reached") as gone:
        await open_store("postgresql://ann:secret@127.0.0.1:9/bridge", ManualClock())
    assert "secret" not in str(gone.value)


async def test_a_database_without_tables_is_no_store_to_look_at_and_makes_none() -> None:
    url = a_database("bare")
    with pytest.raises(StoreNotMade):
        await open_reader(url, ManualClock())
    with psycopg.connect(url) as db:
        assert db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


async def test_tables_of_a_newer_version_are_refused() -> None:
    url = an_empty_database("newer")
    await (await open_store(url, ManualClock())).close()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("INSERT INTO schema_versions (version) VALUES (99)")
        try:
            for opening in (open_store, open_reader):
                with pytest.raises(StoreUnusable, match="99"):
                    await opening(url, ManualClock())
        finally:
            db.execute("DELETE FROM schema_versions WHERE version = 99")


async def test_two_stores_that_write_the_same_things_at_once_lose_nothing() -> None:
    url, clock = an_empty_database(), ManualClock()
    stores = [await open_store(url, clock, name) for name in ("a", "b", "c")]
    try:
        works = [
            one
            for number in range(60)
            for store in stores[number % 3 : number % 3 + 1]
            for one in (
                store.log.append(TOPIC, messages(2)),
                store.commit(
                    Commit(
                        deliveries=[a_delivery(f"d{number}", order_key=f"k{number % 7}")], counters={(TOPIC, "n"): 1}
                    )
                ),
            )
        ]
        answers = await asyncio.gather(*works)
        firsts = sorted(answer.first for answer in answers[::2])
        assert firsts == list(range(0, 120, 2))
        assert await stores[0].counters() == {(TOPIC, "n"): 60}
        (balance,) = await stores[1].outbox.balances()
        assert (balance.state, balance.deliveries) == ("waiting", 60)
        leased = [one.delivery.id for store in stores for one in await store.outbox.lease("ops", 5, 30, 100)]
        assert len(leased) == len(set(leased)) == 60
    finally:
        for store in stores:
            await store.close()


async def test_what_one_node_writes_wakes_those_who_wait_at_another() -> None:
    url, clock = an_empty_database(), ManualClock()
    writes, waits = [await open_store(url, clock, name) for name in ("a", "b")]
    try:
        await waits.outbox.lease("ops", 1, 30)
        waiting = asyncio.gather(waits.log.wait_for(TOPIC, 0), waits.outbox.wait_for_news("ops"))
        with psycopg.connect(url, autocommit=True) as db:
            listening = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            await _until(db, f"SELECT count(*) = 2 {listening}")
        await writes.log.append(TOPIC, messages(1))
        await writes.commit(Commit(deliveries=[a_delivery()]))
        await in_time(waiting)
    finally:
        await writes.close()
        await waits.close()
