"""A store whose wall clock is set: what waits waits as long as it was to, in true time, over restarts too."""

from __future__ import annotations

import pytest

from broker.clock import US_PER_S, moment_of, us
from broker.model import Commit, Cursor, CursorMove, SettleAgain, SettleDead, StatePut, SweepPolicy
from tests.contracts.builders import a_delivery, a_message, messages
from tests.contracts.engines import Engine

HOUR_S = 3_600
YEAR_S = 365 * 86_400
STEPS = pytest.mark.parametrize("step_s", [-YEAR_S, -HOUR_S, -5, 5, HOUR_S, YEAR_S])


@STEPS
async def test_a_retry_comes_after_its_pause_however_the_clock_is_set(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=engine.clock.wall_us())]))
        (leased,) = await store.outbox.lease("ops", 1, 30)
        await store.outbox.settle(leased.token, SettleAgain(engine.clock.wall_us() + us(60)), None)
        engine.clock.step(step_s)
        await engine.clock.advance(59)
        assert not await store.outbox.lease("ops", 1, 30)
        assert await store.outbox.next_due_us("ops") == engine.clock.wall_us() + us(1)
        await engine.clock.advance(1)
        assert len(await store.outbox.lease("ops", 1, 30)) == 1


@STEPS
async def test_a_lease_lasts_as_long_as_was_said(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=engine.clock.wall_us())]))
        (leased,) = await store.outbox.lease("ops", 1, 30)
        engine.clock.step(step_s)
        await engine.clock.advance(29)
        assert not await store.outbox.lease("ops", 1, 30)
        delivery = await store.outbox.settle(leased.token, SettleDead("enough"), None)
        assert delivery.settled_us == engine.clock.wall_us()


@STEPS
async def test_a_timer_is_due_when_its_time_has_passed_and_its_row_expires_then(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        now_us = engine.clock.wall_us()
        put = StatePut("k/r/a", b"v", "r", "t1", expires_us=now_us + us(90), due_us=now_us + us(60))
        await store.commit(Commit(state=[put, StatePut("k/r/b", b"v", "r", "t1", expires_us=now_us + us(60))]))
        engine.clock.step(step_s)
        await engine.clock.advance(59)
        assert not await store.state.due("t1", engine.clock.wall_us(), 10)
        rows = await store.state.read(["k/r/a", "k/r/b"])
        assert [row.behind_us for row in rows.values()] == [us(step_s)] * 2
        assert await store.state.next_due_us("t1") == engine.clock.wall_us() + us(1)
        await engine.clock.advance(1)
        (due,) = await store.state.due("t1", engine.clock.wall_us(), 10)
        assert (due.due_us, due.steady_due_us) == (engine.clock.wall_us(), now_us + us(60))
        assert (await store.state.read(["k/r/b"]))["k/r/b"].value is None


@STEPS
async def test_seeking_by_time_finds_what_came_in_that_time(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        for _ in range(3):  # wrong for a while, then right again
            await store.log.append("t1", messages(1))
            await engine.clock.advance(60)
        engine.clock.step(step_s)
        for _ in range(3):
            await store.log.append("t1", messages(1))
            await engine.clock.advance(60)
        engine.clock.step(-step_s)
        for _ in range(3):
            await store.log.append("t1", messages(1))
            await engine.clock.advance(60)
        found = [await store.log.offset_at("t1", engine.clock.wall_us() - us(60 * n + 30)) for n in range(9)]
        assert found == [None, 8, 7, 6, 5, 4, 3, 2, 1]
        times = [message.publish_time_us for message in await store.log.read("t1", 0, 100, 10**6)]
        assert times == sorted(times)


@STEPS
async def test_sweeping_counts_true_ages(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=engine.clock.wall_us())]))
        (leased,) = await store.outbox.lease("ops", 1, 30)
        await store.outbox.settle(leased.token, SettleDead("enough"), None)
        await store.log.append("t1", [a_message()], producer_key="once")
        settled_us = engine.clock.wall_us()
        engine.clock.step(step_s)
        await engine.clock.advance(59)
        for expected in (0, 1):
            now_us = engine.clock.wall_us()
            swept = await store.sweep(SweepPolicy(now_us, now_us - us(60), now_us - us(60)))
            assert (swept.deliveries, swept.producer_keys) == (expected, expected)
            found = await store.outbox.read("d1")
            assert found is None if expected else found is not None and found[0].settled_us == settled_us
            await engine.clock.advance(2)


@STEPS
async def test_a_cursor_says_how_long_ago_it_was_pulled(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        cursor = Cursor("s/x", 0, pending_to=1, pending_at_us=engine.clock.wall_us())
        await store.commit(Commit(cursors=[CursorMove(cursor)]))
        engine.clock.step(step_s)
        await engine.clock.advance(10)
        stored = await store.cursors.get("s/x")
        assert stored is not None
        assert engine.clock.wall_us() - stored.pending_at_us == us(10)
        again = await store.cursors.put(stored)
        assert (await store.cursors.list("s/")) == [again]
        assert again.last_consumed_us == 0


@STEPS
@pytest.mark.parametrize("reboots", [False, True])
async def test_steps_over_a_restart_are_noticed(engine: Engine, step_s: int, *, reboots: bool) -> None:
    if not engine.survives:
        pytest.skip("nothing is left of it")
    async with engine.open() as store:
        now_us = engine.clock.wall_us()
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=now_us + us(60))]))
        await store.log.append("t1", messages(1))
    engine.clock.step(step_s)
    if reboots:
        engine.clock.reboot()
    async with engine.open() as store:
        assert store.steady.behind_us() == (us(-step_s) if step_s < 0 else 0)
        is_believed = reboots and 0 < step_s <= HOUR_S  # it may have been stopped for that long
        await engine.clock.advance(0 if is_believed else 59)
        assert len(await store.outbox.lease("ops", 1, 90)) == (is_believed and step_s > 60)
        await engine.clock.advance(60 if is_believed else 1)
        assert len(await store.outbox.lease("ops", 1, 90)) == (not is_believed or step_s <= 60)


async def test_a_store_that_was_killed_is_never_older_than_its_newest_message(engine: Engine) -> None:
    if not engine.survives:
        pytest.skip("nothing is left of it")
    async with engine.open() as store:
        await engine.clock.advance(1_000)
        mark = store.steady.mark()
        await store.log.append("t1", messages(1))
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=engine.clock.wall_us() + us(60))]))
    engine.clock.reboot()
    engine.clock.step(-HOUR_S)
    async with engine.open() as store:
        assert store.steady.read().steady_us == mark.wall_us
        assert [step.size_us for step in store.steady.take_steps()] == [-HOUR_S * US_PER_S]


@STEPS
async def test_times_mean_what_they_meant_when_they_were_told_though_the_clock_is_set_on_the_way(
    engine: Engine, step_s: int
) -> None:
    async with engine.open() as store:
        told_at = moment_of(engine.clock)
        engine.clock.step(step_s)
        put = StatePut("k/r/a", b"v", "r", "t1", told_at.wall_us + us(90), due_us=told_at.wall_us + us(60))
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=told_at.wall_us)], state=[put], told_at=told_at))
        (leased,) = await store.outbox.lease("ops", 1, 30)
        told_at = moment_of(engine.clock)
        engine.clock.step(step_s)
        again = SettleAgain(told_at.wall_us + us(60))
        await store.outbox.settle(leased.token, again, None, told_at=told_at)
        await engine.clock.advance(59)
        assert not await store.outbox.lease("ops", 1, 30)
        assert not await store.state.due("t1", engine.clock.wall_us(), 10)
        await engine.clock.advance(1)
        assert len(await store.outbox.lease("ops", 1, 30)) == 1
        (due,) = await store.state.due("t1", engine.clock.wall_us(), 10)
        assert due.expires_us == engine.clock.wall_us() + us(30)


@STEPS
async def test_a_digest_is_due_when_it_was_told_to_be(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=engine.clock.wall_us())]))
        told_at = moment_of(engine.clock)
        digest = a_delivery("digest", origin="f/x", due_us=told_at.wall_us + us(60))
        engine.clock.step(step_s)
        assert await store.outbox.fold((), ["d1"], digest, told_at=told_at) == 1
        await engine.clock.advance(59)
        assert not await store.outbox.lease("ops", 1, 30)
        await engine.clock.advance(1)
        assert len(await store.outbox.lease("ops", 1, 30)) == 1


@STEPS
async def test_housekeeping_removes_no_more_because_the_clock_is_set_on_the_way(engine: Engine, step_s: int) -> None:
    async with engine.open() as store:
        await store.commit(Commit(deliveries=[a_delivery("d1", due_us=engine.clock.wall_us())]))
        (leased,) = await store.outbox.lease("ops", 1, 30)
        await store.outbox.settle(leased.token, SettleDead("enough"), None)
        await store.log.append("t1", messages(1))
        for passed_s, is_past in ((59, False), (2, True)):
            await engine.clock.advance(passed_s)
            told_at = moment_of(engine.clock)
            before_us = told_at.wall_us - us(60)
            engine.clock.step(step_s)
            young = await store.log.offset_at("t1", before_us, told_at)
            swept = await store.sweep(SweepPolicy(told_at.wall_us, before_us, before_us, told_at=told_at))
            assert (young, swept.deliveries) == ((None, 1) if is_past else (0, 0))
