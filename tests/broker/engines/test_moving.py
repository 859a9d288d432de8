"""A store moved from SQLite into PostgreSQL and back, while it is in use: everything is there, and numbers go on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.clock import ManualClock
from broker.engines import open_move, open_reader, open_store
from broker.engines.moving import MoveStep, bring_up, finish
from broker.engines.stored_tables import TABLES, TableCount
from broker.errors import StoreCorrupt, StoreError, StoreUnusable
from broker.model import Commit, Cursor, DeliveryQuery, Put, Remove, SettleAgain, SettleDelivered, SweepPolicy
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

WAYS = ("into PostgreSQL", "back into SQLite")


@pytest.fixture(params=WAYS)
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The store that is moved, and the one that is made."""
    file, database = f"sqlite://{tmp_path / 'bridge.db'}", an_empty_database("moving")
    return (file, database) if request.param == WAYS[0] else (database, file)


async def fill(store: Store) -> None:
    await store.log.append(TOPIC, [a_message("żółć\x00\x01"), a_message("b", k="v")], "key")
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
    uids = sorted(await store.log.topics())
    return (
        [await store.log.bounds(uid) for uid in uids],
        [await store.log.read(uid, 0, 100_000, 10**9) for uid in uids],
        await store.cursors.list(""),
        await store.catalog.list("project"),
        await store.state.list("", 10_000),
        await store.state.counts(),
        await store.decisions.list_after(0, 10_000),
        await store.counters(),
        await store.outbox.find(DeliveryQuery(limit=10_000)),
        await store.outbox.read("d0"),
        await store.outbox.receipt("ops", "k0"),
        sorted(await store.outbox.balances(), key=repr),
    )


def nobody(step: MoveStep) -> None:
    """Nobody is told."""


async def look(source: str, target: str, notify: Callable[[MoveStep], None] = nobody) -> dict[str, TableCount]:
    """One look beside whoever uses the source."""
    async with open_move(source, target) as (moved_from, moved_to):
        assert await moved_to.begin(moved_from.place)
        return dict(await bring_up(moved_from, moved_to, notify))


async def move(source: str, target: str, notify: Callable[[MoveStep], None] = nobody) -> dict[str, TableCount] | None:
    """The whole move of a store that nobody uses; None when it was finished before."""
    async with open_move(source, target) as (moved_from, moved_to):
        if not await moved_to.begin(moved_from.place):
            return None
        assert await moved_from.hold()
        return dict(await finish(moved_from, moved_to, notify))


async def test_everything_is_there_and_goes_on(urls: tuple[str, str]) -> None:
    source, target = urls
    clock = ManualClock()
    store = await open_store(source, clock, "one")
    await fill(store)
    stood = await all_of(store)
    await store.close()
    moved = await move(source, target)
    assert moved is not None
    assert moved["messages"].rows == 5
    store = await open_store(target, clock, "one")
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


class Life:
    """Does to a store what daemons do, at random, but the same for the same seed."""

    def __init__(self, store: Store, clock: ManualClock, seed: int) -> None:
        self._store, self._clock, self._rng, self._made = store, clock, random.Random(seed), seed * 100_000  # noqa: S311

    async def go_on(self, steps: int) -> None:
        for _ in range(steps):
            await self._rng.choice((self._publish, self._decide, self._settle, self._trim, self._sweep, self._file))()
            await self._clock.advance(0.5)

    async def _publish(self) -> None:
        await self._store.log.append(f"t{self._rng.randrange(3)}", messages(self._rng.randrange(1, 400)))

    async def _decide(self) -> None:
        news = [a_delivery(f"x{self._made + n}", order_key=f"k{n % 7}") for n in range(self._rng.randrange(30))]
        self._made += len(news)
        state = [a_row(f"s{self._rng.randrange(20)}")]
        await self._store.commit(Commit(deliveries=news, state=state, decisions=[a_decision()] * len(news)))

    async def _settle(self) -> None:
        for n, leased in enumerate((await lease_all(self._store)).values()):
            outcome = SettleDelivered("r") if n % 2 else SettleAgain(self._clock.wall_us() + 1)
            await self._store.outbox.settle(leased.token, outcome, an_attempt())

    async def _trim(self) -> None:
        for uid in await self._store.log.topics():
            await self._store.log.trim(uid, self._rng.randrange((await self._store.log.bounds(uid)).end + 1))

    async def _sweep(self) -> None:
        now_us = self._clock.wall_us()
        await self._store.sweep(SweepPolicy(now_us, now_us, now_us, 50))

    async def _file(self) -> None:
        name, stored = "EGI", await self._store.catalog.read("project", "EGI")
        if stored is None:
            await self._store.catalog.write([Put(name, a_project(), 0)])
        else:
            await self._store.catalog.write([Remove("project", name, stored.version)])


@pytest.mark.parametrize("seed", range(3))
async def test_what_changes_while_it_is_copied_is_there_too(urls: tuple[str, str], seed: int) -> None:
    source, target = urls
    clock = ManualClock()
    store = await open_store(source, clock, "one")
    await fill(store)
    life = Life(store, clock, seed)
    for _ in range(4):
        await life.go_on(12)
        await look(source, target)
    await life.go_on(12)
    stood = await all_of(store)
    await store.close()
    await move(source, target)
    assert await read_all(target, clock) == stood


async def read_all(url: str, clock: ManualClock) -> Any:
    store = await open_store(url, clock, "one")
    try:
        return await all_of(store)
    finally:
        await store.close()


class Broken(Exception):
    """Stands for the end of the process that moves."""


async def test_broken_off_anywhere_it_goes_on_from_there(urls: tuple[str, str]) -> None:
    source, target = urls
    clock = ManualClock()
    store = await open_store(source, clock, "one")
    await fill(store)
    await Life(store, clock, 9).go_on(40)
    stood = await all_of(store)
    await store.close()
    steps, moved = 1, None
    while moved is None:
        left = steps

        def told(step: MoveStep) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Broken

        try:
            moved = await move(source, target, told)
        except Broken:
            steps += 1
            await no_daemon_begins_on(target, clock)
    assert steps > len(TABLES)
    assert await move(source, target) is None, "finished twice"
    assert await read_all(target, clock) == stood


async def no_daemon_begins_on(url: str, clock: ManualClock) -> None:
    if url.startswith("sqlite"):
        assert not Path(url.removeprefix("sqlite://")).exists()
        return
    for opening in (open_store(url, clock, "one"), open_reader(url, clock)):
        with pytest.raises(StoreUnusable, match="is being moved into this database"):
            await opening


async def test_what_was_copied_is_not_written_again(urls: tuple[str, str]) -> None:
    source, target = urls
    clock = ManualClock()
    store = await open_store(source, clock, "one")
    await fill(store)
    await look(source, target)
    await store.log.append(TOPIC, messages(1))
    written: dict[str, int] = {}
    await look(source, target, lambda step: written.update({step.table: step.changed}))
    await store.close()
    assert {name: rows for name, rows in written.items() if rows} == {"logs": 1, "messages": 1}


async def test_a_place_that_holds_something_is_refused_and_left_alone(urls: tuple[str, str]) -> None:
    source, target = urls
    clock = ManualClock()
    for one in urls:
        store = await open_store(one, clock, "one")
        await fill(store)
        await store.close()
    stood = await read_all(target, clock)
    with pytest.raises(StoreUnusable, match=r"holds a store already|exists already"):
        await move(source, target)
    assert await read_all(target, clock) == stood


async def test_a_place_that_is_filled_from_elsewhere_is_refused(tmp_path: Path) -> None:
    target, clock = an_empty_database("moving"), ManualClock()
    for name in ("a.db", "b.db"):
        store = await open_store(f"sqlite://{tmp_path / name}", clock)
        await fill(store)
        await store.close()
    await look(f"sqlite://{tmp_path / 'a.db'}", target)
    with pytest.raises(StoreUnusable, match=r"was filled from sqlite://.*a\.db"):
        await look(f"sqlite://{tmp_path / 'b.db'}", target)


async def test_the_last_look_waits_until_nobody_uses_the_store(urls: tuple[str, str]) -> None:
    source, target = urls
    store = await open_store(source, ManualClock(), "one")
    async with open_move(source, target) as (moved_from, _):
        assert not await moved_from.hold()
        await store.close()
        assert await moved_from.hold()


async def test_nobody_begins_to_use_a_store_during_the_last_look(urls: tuple[str, str]) -> None:
    source, target = urls
    clock = ManualClock()
    await (await open_store(source, clock, "one")).close()
    async with open_move(source, target) as (moved_from, _):
        assert await moved_from.hold()
        limited = f"{source}?options=-clock_timeout%3D200ms" if source.startswith("postgresql") else source
        with pytest.raises(StoreError):
            await open_store(limited, clock, "two")


async def test_what_differs_on_its_arrival_does_not_count(tmp_path: Path) -> None:
    source, target = f"sqlite://{tmp_path / 'bridge.db'}", an_empty_database("moving")
    store = await open_store(source, ManualClock())
    await fill(store)
    await store.close()
    await (await open_store(target, ManualClock(), "maker")).close()
    with psycopg.connect(target, autocommit=True) as db:
        db.execute("DELETE FROM nodes")
        db.execute("DELETE FROM clock_marks")
        db.execute("CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.upto = 7; RETURN NEW; END'")
        db.execute("CREATE TRIGGER spoil BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION spoil()")
        try:
            with pytest.raises(StoreCorrupt, match="messages"):
                await move(source, target)
        finally:
            db.execute("DROP FUNCTION spoil CASCADE")
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    await no_daemon_begins_on(target, ManualClock())


def test_every_table_of_messages_and_decisions_is_moved() -> None:
    """Tables that are not: nodes, writers, locks, moves, versions of the tables; and the index of words, made anew."""
    ours = {
        "lock_slots",
        "moves",
        "nodes",
        "refused_writes",
        "schema_versions",
        "workers",
        "writers",
        "search_documents",
        "search_marks",
        "slabs",
        "log_slabs",
    }
    with psycopg.connect(an_empty_database("moving")) as db:
        found = {name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert found - {table.name for table in TABLES} - {"moved_ranges"} - ours == set()


def test_the_first_columns_of_a_table_name_a_row() -> None:
    question = (
        "SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey, a.attnum)) FROM pg_index AS i "
        "JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
        "WHERE i.indrelid = %s::regclass AND i.indisprimary"
    )
    with psycopg.connect(an_empty_database("moving")) as db:
        for table in TABLES:
            row = db.execute(question, (table.name,)).fetchone()
            assert row is not None
            assert [name for name in row[0] if name != "shard"] == list(table.columns[: table.keys]), table.name
