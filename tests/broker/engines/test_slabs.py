"""Messages in PostgreSQL lie in slabs, tables of their own, so that retention is a DROP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from broker.clock import ManualClock
from broker.engines import open_move, open_store
from broker.engines.moving import finish
from broker.engines.postgres.opening import migrations
from broker.engines.stored_tables import TABLES
from broker.errors import TopicGone
from broker.model import NewMessage, SweepPolicy
from broker.names import AUDIT_LOG
from broker.store import Store
from tests.contracts.builders import NOW_US, OTHER_TOPIC, TOPIC, messages
from tests.contracts.postgres_databases import a_database, an_empty_database

DAY_S = 86_400.0
KEEP_US = 10 * int(DAY_S) * 1_000_000
"""Ten days: a slab is a day."""

WEEKLY = SweepPolicy(0, 0, 0, messages_keep_us=KEEP_US)
_SLABS = """SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'messages'::regclass ORDER BY c.oid"""


class Stage:
    """A store whose days pass when they are told to, and a look at its tables."""

    def __init__(self, store: Store, clock: ManualClock, db: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.store = store
        self.clock = clock
        self.db = db

    async def next_day(self) -> None:
        await self.clock.advance(DAY_S, turns=1)
        await self.store.sweep(WEEKLY)

    async def later(self, minutes: float = 2.0) -> None:
        await self.clock.advance(minutes * 60, turns=1)
        await self.store.sweep(WEEKLY)

    def slabs(self) -> list[str]:
        return [name for (name,) in self.db.execute(_SLABS)]

    def stored(self, name: str, uid: str = TOPIC) -> list[int]:
        rows = self.db.execute(
            f"SELECT msg_offset FROM {name} AS m JOIN logs AS l ON l.id = m.log WHERE uid = %s ORDER BY 1",  # noqa: S608
            (uid,),
        )
        return [offset for (offset,) in rows]

    async def offsets(self, first: int = 0, uid: str = TOPIC) -> list[int]:
        return [message.offset for message in await self.store.log.read(uid, first, 1_000, 1 << 20)]

    async def fill_days(self, days: int, *uids: str) -> None:
        """Three messages of each topic on each day."""
        for _ in range(days):
            await self.next_day()
            for uid in uids or (TOPIC,):
                await self.store.log.append(uid, messages(3))


@asynccontextmanager
async def a_stage() -> AsyncIterator[Stage]:
    url, clock = an_empty_database("slabs"), ManualClock()
    store = await open_store(url, clock, "a")
    try:
        with psycopg.connect(url, autocommit=True) as db:
            yield Stage(store, clock, db)
    finally:
        await store.close()


async def test_each_day_goes_into_a_table_of_its_own_and_the_next_one_is_there_ahead() -> None:
    async with a_stage() as stage:
        await stage.store.log.append(TOPIC, messages(2))
        await stage.fill_days(3)
        assert stage.slabs() == ["messages_1", "messages_2", "messages_3", "messages_4"]
        kept = {name: stage.stored(name) for name in ("ONLY messages", *stage.slabs())}
        assert list(kept.values()) == [[0, 1], [2, 3, 4], [5, 6, 7], [8, 9, 10], []]
        assert await stage.offsets() == list(range(11))


async def test_reads_go_on_from_slab_to_slab_as_in_one_table() -> None:
    async with a_stage() as stage:
        await stage.store.log.append(TOPIC, [NewMessage("x" * 10, {}), NewMessage("y" * 100, {})])
        for size in (10, 200, 10):
            await stage.next_day()
            await stage.store.log.append(TOPIC, [NewMessage("z" * size, {})])

        async def read(first: int, most: int, most_bytes: int) -> list[int]:
            return [message.offset for message in await stage.store.log.read(TOPIC, first, most, most_bytes)]

        assert await read(0, 9, 1_000) == [0, 1, 2, 3, 4]
        assert await read(0, 3, 1_000) == [0, 1, 2]
        assert await read(1, 9, 110) == [1, 2]  # the next is too large, and the one behind it must not come instead
        assert await read(2, 9, 10) == [2]
        assert await read(3, 9, 0) == [3]
        assert await read(0, 0, 10) == []
        assert await read(5, 9, 10) == []


async def test_a_slab_that_is_past_its_retention_is_dropped_whole() -> None:
    async with a_stage() as stage:
        await stage.fill_days(4)
        assert await stage.store.log.trim(TOPIC, 7) == 7
        assert stage.stored("messages_3") == [6, 7, 8]
        await stage.later()
        assert stage.slabs() == ["messages_3", "messages_4", "messages_5"]
        assert await stage.offsets() == [7, 8, 9, 10, 11]
        bounds = await stage.store.log.bounds(TOPIC)
        assert (bounds.first, bounds.end) == (7, 12)
        assert bounds.stored_bytes * 12 == pytest.approx(bounds.bytes_total * 5, rel=0.2)
        deleted = stage.db.execute("SELECT sum(n_tup_del) FROM pg_stat_user_tables WHERE relname LIKE 'messages\\_%'")
        assert deleted.fetchone() == (0,)


async def test_a_topic_at_rest_is_emptied_and_goes_on_with_the_offset_behind() -> None:
    async with a_stage() as stage:
        await stage.fill_days(2)
        await stage.next_day()
        assert await stage.store.log.trim(TOPIC, 6) == 6
        await stage.later()
        assert stage.slabs() == ["messages_3", "messages_4"]
        assert await stage.offsets() == []
        assert (await stage.store.log.append(TOPIC, messages(2))).first == 6
        assert await stage.offsets(2) == [6, 7]
        assert await stage.store.log.offset_at(TOPIC, 0) == 6


async def test_what_one_topic_keeps_for_long_does_not_keep_the_messages_of_others() -> None:
    async with a_stage() as stage:
        await stage.fill_days(2, TOPIC, OTHER_TOPIC)
        await stage.store.log.trim(TOPIC, 3)
        await stage.later()
        assert stage.stored("messages_1") == [0, 1, 2]
        await stage.next_day()
        assert stage.stored("messages_1") == []
        assert stage.stored("messages_1", OTHER_TOPIC) == [0, 1, 2]
        await stage.store.log.trim(OTHER_TOPIC, 3)
        await stage.later()
        assert "messages_1" not in stage.slabs()
        assert await stage.offsets() == await stage.offsets(uid=OTHER_TOPIC) == [3, 4, 5]


async def test_a_dropped_topic_leaves_nothing_in_any_slab() -> None:
    async with a_stage() as stage:
        await stage.store.log.append(TOPIC, messages(2))
        await stage.fill_days(2, TOPIC, OTHER_TOPIC)
        await stage.store.log.drop(TOPIC)
        assert stage.stored("messages") == []
        assert len(stage.stored("messages", OTHER_TOPIC)) == 6
        with pytest.raises(TopicGone):
            await stage.store.log.append(TOPIC, messages(1))


async def test_the_audit_trail_lies_apart_for_it_is_kept_for_longer() -> None:
    async with a_stage() as stage:
        await stage.fill_days(2, TOPIC, AUDIT_LOG)
        assert stage.stored("ONLY messages", AUDIT_LOG) == [0, 1, 2, 3, 4, 5]
        await stage.store.log.trim(TOPIC, 3)
        await stage.later()
        assert "messages_1" not in stage.slabs()


async def test_without_a_retention_there_is_one_table() -> None:
    async with a_stage() as stage:
        await stage.store.sweep(SweepPolicy(0, 0, 0))
        await stage.store.log.append(TOPIC, messages(2))
        assert stage.slabs() == []


async def test_a_limit_of_size_begins_another_slab_when_a_tenth_of_it_is_there() -> None:
    async with a_stage() as stage:
        policy = SweepPolicy(0, 0, 0, messages_keep_bytes=4_000_000)
        await stage.store.sweep(policy)
        await stage.store.log.append(TOPIC, [NewMessage("x" * 1_000, {})] * 100)
        await stage.store.sweep(policy)
        assert stage.slabs() == ["messages_1", "messages_2"]
        await stage.store.log.append(TOPIC, [NewMessage("x" * 1_000, {})] * 400)
        await stage.store.sweep(policy)
        assert stage.slabs() == ["messages_1", "messages_2", "messages_3"]


async def test_a_dump_that_reads_a_slab_keeps_it_and_holds_up_nobody() -> None:
    async with a_stage() as stage:
        await stage.fill_days(2)
        await stage.next_day()
        await stage.store.log.trim(TOPIC, 6)
        with psycopg.connect(a_database("slabs")) as dump:
            dump.execute("LOCK TABLE messages, messages_1, messages_2 IN ACCESS SHARE MODE")
            began = time.perf_counter()
            await stage.later()
            assert time.perf_counter() - began < 5
            assert stage.slabs() == ["messages_1", "messages_2", "messages_3", "messages_4"]
            assert (await stage.store.health()).writable
            assert (await stage.store.log.append(TOPIC, messages(1))).first == 6
        await stage.later()
        assert stage.slabs() == ["messages_3", "messages_4"]
        assert await stage.offsets() == [6]


async def test_a_table_that_is_being_rebuilt_puts_off_the_next_slab_and_nothing_else() -> None:
    async with a_stage() as stage:
        with psycopg.connect(a_database("slabs")) as vacuum:
            vacuum.execute("LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE")
            await stage.later()
            assert stage.slabs() == []
            await stage.store.log.append(TOPIC, messages(2))
        await stage.later()
        await stage.store.log.append(TOPIC, messages(2))
        assert stage.stored("messages_" + stage.slabs()[0].partition("_")[2]) == [2, 3]


async def test_another_node_follows_slabs_that_come_and_go() -> None:
    async with a_stage() as stage:
        other = await open_store(a_database("slabs"), stage.clock, "b")
        try:
            await stage.fill_days(1)
            assert len(await other.log.read(TOPIC, 0, 100, 1 << 20)) == 3
            await stage.fill_days(1)
            assert (await other.log.append(TOPIC, messages(1))).first == 6
            assert [message.offset for message in await other.log.read(TOPIC, 0, 5, 1 << 20)] == [0, 1, 2, 3, 4]
            assert [message.offset for message in await other.log.read(TOPIC, 4, 9, 1 << 20)] == [4, 5, 6]
            await stage.next_day()
            await stage.store.log.trim(TOPIC, 7)
            await stage.later()
            assert stage.slabs() == ["messages_3", "messages_4"]
            assert await other.log.read(TOPIC, 0, 100, 1 << 20) == []
            await stage.store.log.append(TOPIC, messages(1))
            assert [message.offset for message in await other.log.read(TOPIC, 0, 100, 1 << 20)] == [7]
        finally:
            await other.close()


async def test_a_store_from_before_there_were_slabs_goes_on_with_what_it_holds() -> None:
    url, clock = an_empty_database("older"), ManualClock()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        db.execute("CREATE TABLE schema_versions (version integer PRIMARY KEY)")
        for version, text in migrations()[:3]:
            db.execute(text)  # type: ignore[call-overload]
            db.execute("INSERT INTO schema_versions VALUES (%s)", (version,))
        db.execute(
            "INSERT INTO logs (uid, end_offset, upto, stored_bytes, created_us) VALUES (%s, 5, 50, 50, 1)", (TOPIC,)
        )
        db.execute(
            "INSERT INTO messages SELECT id, n, %s, 10 * (n + 1), 'old', '{}' FROM logs, generate_series(0, 4) AS n",
            (NOW_US,),
        )
        store = await open_store(url, clock, "a")
        try:
            stage = Stage(store, clock, db)
            await stage.fill_days(2)
            assert await stage.offsets() == list(range(11))
            assert stage.stored("ONLY messages") == [0, 1, 2, 3, 4]
            assert await stage.store.log.trim(TOPIC, 6) == 6
            assert stage.stored("ONLY messages") == []
            assert await stage.offsets() == [6, 7, 8, 9, 10]
        finally:
            await store.close()


async def test_slabs_are_moved_into_a_file_as_one_table(tmp_path: Any) -> None:
    file = f"sqlite://{tmp_path / 'bridge.db'}"
    async with a_stage() as stage:
        await stage.store.log.append(TOPIC, messages(300))
        await stage.fill_days(3, TOPIC, OTHER_TOPIC)
        await stage.store.log.trim(TOPIC, 304)
        stood = await stage.store.log.read(TOPIC, 0, 1_000, 1 << 20)
        assert [message.offset for message in stood] == [304, 305, 306, 307, 308]
        await stage.store.close()
        async with open_move(a_database("slabs"), file) as (moved_from, moved_to):
            stage.db.execute("ANALYZE")
            assert await moved_from.size(next(table for table in TABLES if table.name == "messages")) == 9 + 9
            assert await moved_to.begin(moved_from.place)
            assert await moved_from.hold()
            counts = await finish(moved_from, moved_to, lambda step: None)
        assert counts["messages"].rows == 5 + 9
        moved = await open_store(file, stage.clock, "a")
        try:
            assert await moved.log.read(TOPIC, 0, 1_000, 1 << 20) == stood
            assert (await moved.log.append(TOPIC, messages(1))).first == 309
        finally:
            await moved.close()
