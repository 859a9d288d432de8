"""The writer: one bad operation never harms the others of its group, and nobody is answered too early."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.engines.sqlite.opening import connect
from broker.engines.sqlite.store import SqliteStore
from broker.engines.sqlite.transaction import Transaction
from broker.errors import StoreUnavailable
from broker.model import Appended, Commit, NewMessage
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import TOPIC, a_delivery, a_row, messages


async def test_an_operation_that_sqlite_refuses_fails_alone(opened: Opening) -> None:
    async with opened() as store:
        answers = await asyncio.gather(
            store.log.append(TOPIC, messages(1)),
            store.commit(Commit(counters={(TOPIC, "n"): 2**70})),
            store.commit(Commit(deliveries=[a_delivery()], counters={(TOPIC, "n"): 1})),
            store.log.append(TOPIC, messages(1)),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Appended, OverflowError, type(None), Appended]
        assert await store.counters() == {(TOPIC, "n"): 1}
        assert (await store.log.bounds(TOPIC)).end == 2


async def test_a_text_that_cannot_be_written_harms_nobody(opened: Opening) -> None:
    async with opened() as store:
        answers = await asyncio.gather(
            store.log.append(TOPIC, messages(1)),
            store.log.append(TOPIC, [NewMessage("\ud800", {})]),
            store.commit(Commit(deliveries=[a_delivery(key="\ud800")])),
            store.log.append(TOPIC, messages(1)),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Appended, UnicodeEncodeError, UnicodeEncodeError, Appended]


async def test_what_a_cancelled_caller_asked_for_may_be_stored_and_harms_nobody(opened: Opening) -> None:
    async with opened() as store:
        calls = [asyncio.ensure_future(store.log.append(TOPIC, messages(1))) for _ in range(20)]
        await asyncio.sleep(0)  # noqa: TID251 - each call is on its way
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls[1::2])
        assert len({answer.first for answer in answers}) == 10
        assert (await store.log.append(TOPIC, messages(1))).first == (await store.log.bounds(TOPIC)).end - 1


async def test_numbers_and_sums_survive_a_spoiled_group(opened: Opening) -> None:
    async with opened() as store:
        commits = [
            Commit(deliveries=[a_delivery(f"d{number}")], state=[a_row(f"k{number}")], counters={(TOPIC, "n"): 1})
            for number in range(10)
        ]
        commits[5] = Commit(deliveries=[a_delivery("d1", origin="t/other")])
        answers = await asyncio.gather(*(store.commit(commit) for commit in commits), return_exceptions=True)
        assert sum(answer is None for answer in answers) == 9
        assert await store.counters() == {(TOPIC, "n"): 9}
        assert await store.state.counts() == {"registry": 9}
        (balance,) = await store.outbox.balances()
        assert (balance.deliveries, balance.stands_for) == (9, 9)


async def test_a_store_locked_by_another_program_is_unavailable_and_recovers(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(1))
        await store._writer.run(_short_patience)
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another program has it locked"):
            await store.log.append(TOPIC, messages(1))
        other.execute("ROLLBACK")
        other.close()
        assert (await store.log.append(TOPIC, messages(1))).first == 1


def _short_patience(transaction: Transaction) -> None:
    transaction.db.execute("PRAGMA busy_timeout = 10")


async def test_a_full_disk_refuses_what_does_not_fit_and_recovers_by_itself(opened: Opening) -> None:
    async with opened() as store:
        await store.log.append(TOPIC, messages(3))
        await store._writer.run(_limit_pages)
        with pytest.raises(StoreUnavailable, match="the disk is full; make room"):
            await _fill(store)
        end = (await store.log.bounds(TOPIC)).end
        health = await store.health()
        assert health.writable or "disk is full" in health.reason
        assert len(await store.log.read(TOPIC, 0, 1_000, 10**9)) == end
        await store._writer.run(_lift_limit)
        assert (await store.health()).writable
        assert (await store.log.append(TOPIC, [NewMessage("x" * 100_000, {})])).first == end


async def test_on_a_full_disk_what_fits_is_stored_and_only_the_rest_is_refused(opened: Opening) -> None:
    async with opened() as store:
        await store._writer.run(_limit_pages)
        answers = await asyncio.gather(
            store.log.append(TOPIC, messages(1)),
            store.log.append(TOPIC, [NewMessage("x" * 10_000_000, {})]),
            store.log.append(TOPIC, messages(1)),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Appended, StoreUnavailable, Appended]
        assert [message.offset for message in await store.log.read(TOPIC, 0, 9, 10**9)] == [0, 1]


async def _fill(store: SqliteStore) -> None:
    for _ in range(100):
        await store.log.append(TOPIC, [NewMessage("x" * 100_000, {})])


def _limit_pages(transaction: Transaction) -> None:
    (pages,) = transaction.db.execute("PRAGMA page_count").fetchone()
    transaction.db.execute(f"PRAGMA max_page_count = {pages + 40}")


def _lift_limit(transaction: Transaction) -> None:
    transaction.db.execute("PRAGMA max_page_count = 1000000")
