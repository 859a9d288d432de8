"""What a message leaves behind in the file, and how a store that kept it otherwise is taken over."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.clock import ManualClock
from broker.engines.sqlite import sweeping
from broker.engines.sqlite.opening import APPLICATION_ID, MIGRATIONS, prepare
from broker.errors import DuplicateDelivery
from broker.model import (
    Attempt,
    Balance,
    Bounds,
    Commit,
    Cursor,
    SettleAgain,
    SettleDelivered,
    Settlement,
    SweepPolicy,
)
from tests.broker.engines.conftest import Opening
from tests.contracts.builders import (
    NOW_US,
    OTHER_TOPIC,
    TOPIC,
    a_decision,
    a_delivery,
    a_row,
    in_time,
    lease_all,
    messages,
    put_in,
)

_SCHEMA_BEFORE = 5
_SCHEMA_OF_ONE_TABLE_OF_SUMS = 6
_PLAIN = Attempt(NOW_US, 1_500, "delivered", "", counted=False)


def _kept_attempts(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        found: int = db.execute("SELECT count(*) FROM attempts").fetchone()[0]
        return found


async def test_the_books_of_an_older_store_go_on(path: Path, opened: Opening) -> None:
    prepare(path, MIGRATIONS[:_SCHEMA_BEFORE])
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO balances VALUES (?, 'ops', 'suppressed', 'maintenance', 3, 5)", (TOPIC,))
        db.execute("INSERT INTO counters VALUES (?, 'decided', 7)", (TOPIC,))
        db.execute("INSERT INTO state_counts VALUES ('registry', 2)")
        db.executemany("INSERT INTO numbers VALUES (?, ?)", [("delivery", 41), ("decision", 6), ("backed up at", 9)])
        db.commit()
    async with opened() as store:
        assert list(await store.outbox.balances()) == [Balance(TOPIC, "ops", "suppressed", "maintenance", 3, 5)]
        assert await store.counters(TOPIC) == {(TOPIC, "decided"): 7}
        assert await store.state.counts() == {"registry": 2}
        await store.commit(
            Commit(
                deliveries=[a_delivery()],
                decisions=[a_decision()],
                state=[a_row()],
                counters={(TOPIC, "decided"): 1},
            )
        )
        assert await store.counters(TOPIC) == {(TOPIC, "decided"): 8}
        assert await store.state.counts() == {"registry": 3}
        found = await store.outbox.read("d1")
        assert found is not None
        assert found[0].seq == 42
        assert [one.seq for one in await store.decisions.list_after(0, 10)] == [7]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT value FROM numbers WHERE name = 'backed up at'").fetchone() == (9,)


async def test_tries_of_an_older_store_are_told_as_before(path: Path, opened: Opening) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((Path(__file__).parent / "data" / "store-1.sql").read_text())
    async with opened() as store:
        found = await store.outbox.read("d1")
    assert found is not None
    assert found[1] == [Attempt(NOW_US, 1_500, "delivered", "", counted=True)]


async def test_a_first_try_that_arrived_takes_no_row_of_its_own(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), _PLAIN)
    assert _kept_attempts(path) == 0
    async with opened() as store:
        found = await store.outbox.read("d1")
    assert found is not None
    assert found[1] == [_PLAIN]


@pytest.mark.parametrize(
    ("settlement", "tried"),
    [
        (SettleDelivered(), Attempt(NOW_US, 1_500, "delivered", "", counted=True)),
        (SettleDelivered(), Attempt(NOW_US, 1_500, "delivered", "", counted=False, unclear=True)),
        (SettleDelivered(), Attempt(NOW_US, 1_500, "delivered", "", counted=False, form="plain")),
        (SettleDelivered(), Attempt(NOW_US, 1_500, "delivered", "late", counted=False)),
        (SettleDelivered(), Attempt(NOW_US, -1, "delivered", "", counted=False)),
        (SettleAgain(NOW_US), Attempt(NOW_US, 1_500, "later", "busy", counted=False)),
        (SettleAgain(NOW_US), _PLAIN),
    ],
)
async def test_any_other_try_is_kept_whole(opened: Opening, settlement: Settlement, tried: Attempt) -> None:
    async with opened() as store:
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        await store.outbox.settle(leased["d1"].token, settlement, tried)
        found = await store.outbox.read("d1")
    assert found is not None
    assert found[1] == [tried]


async def test_a_second_try_that_arrives_is_told_beside_the_first(opened: Opening) -> None:
    first = Attempt(NOW_US, 200, "later", "busy", counted=False)
    async with opened() as store:
        await put_in(store, a_delivery())
        await store.outbox.settle((await lease_all(store))["d1"].token, SettleAgain(NOW_US), first)
        await store.outbox.settle((await lease_all(store))["d1"].token, SettleDelivered(), _PLAIN)
        found = await store.outbox.read("d1")
    assert found is not None
    assert found[1] == [first, _PLAIN]


async def test_when_a_try_was_made_is_told_as_it_was_after_the_clock_was_set(
    opened: Opening, clock: ManualClock
) -> None:
    async with opened() as store:
        clock.step(3_600)
        at_us = clock.wall_us()
        await put_in(store, a_delivery())
        leased = await lease_all(store)
        tried = Attempt(at_us, 1_500, "delivered", "", counted=False)
        await store.outbox.settle(leased["d1"].token, SettleDelivered(), tried)
        clock.step(-7_200)
        found = await store.outbox.read("d1")
    assert found is not None
    assert found[1] == [tried]


async def test_what_is_old_is_swept_from_behind_what_waits(
    opened: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SLICE", 4)
    policy = SweepPolicy(NOW_US, NOW_US + 1, 0)
    async with opened() as store:
        await put_in(store, *(a_delivery(f"d{n:02}", order_key=f"k{n}") for n in range(30)))
        leased = await lease_all(store, lease_s=10**6)
        for n in (9, 17, 29):
            await store.outbox.settle(leased[f"d{n:02}"].token, SettleDelivered(), _PLAIN)
        assert (await store.sweep(policy)).deliveries == 3
        assert (await store.sweep(policy)).deliveries == 0


async def test_a_large_store_is_swept_in_parts(
    opened: Opening, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "SLICE", 4)
    monkeypatch.setattr(sweeping, "_MOST_SLICES", 2)
    policy = SweepPolicy(NOW_US, NOW_US + 1, 0)
    async with opened() as store:
        await put_in(store, *(a_delivery(f"d{n:02}", order_key=f"k{n}") for n in range(30)))
        for one in (await lease_all(store)).values():
            if one.delivery.seq % 3:
                await store.outbox.settle(one.token, SettleDelivered(), _PLAIN)
        counts = [(await store.sweep(policy)).deliveries for _ in range(6)]
        assert sum(counts) == 20
        assert max(counts) <= 8


@pytest.mark.parametrize("page_bytes", [4096, 8192])
async def test_what_an_older_store_holds_is_taken_over(path: Path, opened: Opening, page_bytes: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA page_size = {page_bytes}")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for number, script in MIGRATIONS[:_SCHEMA_OF_ONE_TABLE_OF_SUMS]:
            db.executescript(f"{script}\nPRAGMA user_version = {number};")
        for log, uid in enumerate((TOPIC, OTHER_TOPIC), 1):
            db.execute(
                "INSERT INTO logs VALUES (?, ?, 1, 4, 24, 24, 18, ?, ?, 2, 7, 0, 0)", (log, uid, NOW_US, NOW_US - 5)
            )
            rows = [(log, n, NOW_US, n * 6 + 6, f"dGV4d{n}==", b"") for n in range(4)]
            db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("INSERT INTO cursors VALUES ('s/one', 2, 9, 3, ?, 5, 60, ?, 0.1)", (NOW_US, NOW_US))
        db.commit()
    async with opened() as store:
        read = await store.log.read(TOPIC, 0, 10, 10**6)
        assert [(message.offset, message.data) for message in read] == [(n, f"dGV4d{n}==") for n in (1, 2, 3)]
        assert await store.log.bounds(OTHER_TOPIC) == Bounds(1, 4, 24, 18, NOW_US, NOW_US - 5, 2)
        assert await store.cursors.get("s/one") == Cursor("s/one", 2, 9, 3, NOW_US, 5, 60, NOW_US, 0.1)
        assert (await store.log.append(TOPIC, messages(1))).first == 4
        bounds = await store.log.bounds(TOPIC)
        assert (bounds.end, bounds.bytes_total, bounds.stored_bytes, bounds.last_batch) == (5, 35, 29, 1)
        assert bounds.previous_publish_us == NOW_US
    async with opened() as store:
        assert await store.log.bounds(TOPIC) == bounds
        assert (await store.log.append(TOPIC, messages(2))).first == 5
        assert await store.log.trim(TOPIC, 6) == 6
        assert (await store.log.bounds(TOPIC)).stored_bytes == 11
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA page_size").fetchone() == (page_bytes,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


_SENT = a_decision(offset=7, item=2, rule="registry", destination="ops", key="host-1", at_us=NOW_US, version="v1")
_TOLD = a_delivery("d7", origin=f"m/{TOPIC}/7/2", offset=7)


def _kept_decisions(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM decisions ORDER BY seq")]


async def test_that_an_event_was_sent_is_told_by_its_delivery(path: Path, opened: Opening) -> None:
    async with opened() as store:
        await store.commit(Commit(deliveries=[_TOLD], decisions=[_SENT]))
    assert _kept_decisions(path) == []
    async with opened() as store:
        assert list(await store.decisions.list_for_message(TOPIC, 7)) == [replace(_SENT, seq=1)]
        assert list(await store.decisions.list_after(0, 10)) == [replace(_SENT, seq=1)]


async def test_decisions_that_are_told_in_two_ways_keep_their_order(path: Path, opened: Opening) -> None:
    decided = [
        replace(_SENT, outcome="suppressed", by="quiet", rule="first"),
        _SENT,
        replace(_SENT, outcome="held", rule="last"),
    ]
    async with opened() as store:
        await store.commit(Commit(deliveries=[_TOLD], decisions=decided))
        expected = [replace(one, seq=seq) for seq, one in enumerate(decided, 1)]
        assert list(await store.decisions.list_for_message(TOPIC, 7)) == expected
        assert list(await store.decisions.list_after(1, 10)) == expected[1:]
    assert _kept_decisions(path) == [1, 3]


@pytest.mark.parametrize(
    "other",
    [
        {"destination": "chat"},
        {"key": "host-2"},
        {"version": "v2"},
        {"created_us": NOW_US + 1},
        {"part": 1, "parts": 2},
        {"origin": f"r/{TOPIC}/7/2"},
        {"offset": -1},
        {"send": 1},
    ],
)
async def test_a_decision_that_its_delivery_does_not_tell_is_kept_whole(
    path: Path, opened: Opening, other: dict[str, Any]
) -> None:
    async with opened() as store:
        await store.commit(Commit(deliveries=[replace(_TOLD, **other)], decisions=[_SENT]))
        assert list(await store.decisions.list_for_message(TOPIC, 7)) == [replace(_SENT, seq=1)]
    assert _kept_decisions(path) == [1]


async def test_a_delivery_that_is_there_already_uses_up_no_number_of_a_decision(opened: Opening) -> None:
    async with opened() as store:
        await store.commit(Commit(deliveries=[_TOLD], decisions=[_SENT]))
        with pytest.raises(DuplicateDelivery):
            await store.commit(Commit(deliveries=[_TOLD], decisions=[_SENT]))
        await store.commit(Commit(decisions=[replace(_SENT, outcome="held")]))
        assert [one.seq for one in await store.decisions.list_for_message(TOPIC, 7)] == [1, 2]


async def test_the_next_of_a_run_is_no_news(opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, *(a_delivery(f"d{n}") for n in range(3)))
        leased = await store.outbox.lease("ops", 1, 30.0, 2)
        assert [one.delivery.id for one in leased] == ["d0", "d1"]
        waiting = asyncio.ensure_future(store.outbox.wait_for_news("ops"))
        await store.outbox.settle(leased[0].token, SettleDelivered(), _PLAIN)
        await ManualClock().sleep(0)
        assert not waiting.done()
        await store.outbox.settle(leased[1].token, SettleDelivered(), _PLAIN)
        await in_time(waiting)


async def test_the_next_of_a_line_that_nobody_holds_is_news(opened: Opening) -> None:
    async with opened() as store:
        await put_in(store, a_delivery("d0"), a_delivery("d1"))
        (first,) = await store.outbox.lease("ops", 1, 30.0)
        waiting = asyncio.ensure_future(store.outbox.wait_for_news("ops"))
        await store.outbox.settle(first.token, SettleDelivered(), _PLAIN)
        await in_time(waiting)
