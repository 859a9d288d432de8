"""Looking at a store beside the daemon that uses it, and changes from outside."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.clock import ManualClock
from broker.engines import open_reader
from broker.engines.sqlite.opening import connect
from broker.errors import StoreUnavailable
from broker.model import Commit, Put
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC, a_delivery, a_project, in_time, messages, put_in


async def test_a_reader_sees_what_the_daemon_wrote_and_goes_on_seeing(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(2))
        reader = await open_reader(f"sqlite://{path}", ManualClock())
        assert (await reader.log.bounds(TOPIC)).end == 2
        await put_in(store, a_delivery())
        await store.log.append(TOPIC, messages(1))
        assert (await reader.log.bounds(TOPIC)).end == 3
        assert await reader.outbox.read("d1") is not None
        await reader.close()


async def test_a_reader_changes_nothing_and_says_why(path: Path, opened: Opening) -> None:
    async with opened():
        reader = await open_reader(f"sqlite://{path}", ManualClock())
        for call in (
            reader.log.append(TOPIC, messages(1)),
            reader.commit(Commit()),
            reader.outbox.lease("ops", 1, 1.0),
            reader.catalog.write([Put("EGI", a_project(), 0)]),
        ):
            with pytest.raises(StoreUnavailable, match="opened for reading only"):
                await call
        assert not (await reader.health()).writable
        await reader.close()


async def test_a_reader_opens_a_store_that_nobody_uses(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(2))
    reader = await open_reader(f"sqlite://{path}", ManualClock())
    assert (await reader.log.bounds(TOPIC)).end == 2
    await reader.close()


async def test_a_reader_makes_no_store(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await open_reader(f"sqlite://{path}", ManualClock())
    assert not path.exists()


async def test_a_reader_says_that_an_empty_file_holds_nothing(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreUnavailable, match="nothing was ever stored there"):
        await open_reader(f"sqlite://{path}", ManualClock())


async def test_who_waits_in_a_reader_looks_again_each_second(path: Path, opened: Opening) -> None:
    async with opened() as store:
        clock = ManualClock()
        reader = await open_reader(f"sqlite://{path}", clock)
        changes = reader.catalog.changes(0)
        following = asyncio.ensure_future(anext(changes))  # type: ignore[arg-type]
        while not clock.sleepers:
            await clock.sleep(0)
        await store.catalog.write([Put("EGI", a_project(), 0)])
        await clock.advance(1)
        assert (await in_time(following)).key == "EGI"
        await reader.close()


async def test_what_another_process_writes_is_seen_and_wakes_those_who_wait(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(1))
        waiter = asyncio.ensure_future(store.log.wait_for(TOPIC, 1))
        db = connect(path)
        db.execute('UPDATE logs SET "end" = 7 WHERE uid = ?', (TOPIC,))
        db.close()
        await in_time(waiter)
        assert (await store.log.append(TOPIC, messages(1))).first == 7
