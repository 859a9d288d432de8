"""The clocks."""

from __future__ import annotations

import asyncio

import pytest

from broker.clock import ManualClock, SystemClock, us


def test_seconds_become_whole_microseconds() -> None:
    assert [us(seconds) for seconds in (0, 1, 0.000_001, 1.5, -2)] == [0, 1_000_000, 1, 1_500_000, -2_000_000]


async def test_manual_time_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(start_us=1_000)
    assert (clock.wall_us(), clock.monotonic()) == (1_000, 0.0)
    await clock.advance(2.5)
    assert (clock.wall_us(), clock.monotonic()) == (2_501_000, 2.5)


async def test_sleepers_wake_in_the_order_of_their_times_and_see_them() -> None:
    clock = ManualClock(start_us=0)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.wall_us()))

    sleepers = [asyncio.ensure_future(sleeper(name, seconds)) for name, seconds in (("b", 2), ("a", 1), ("c", 9))]
    await clock.advance(5)
    assert woken == [("a", 1_000_000), ("b", 2_000_000)]
    assert (clock.sleepers, clock.next_alarm_s()) == (1, 4.0)
    sleepers[2].cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    assert (clock.sleepers, clock.next_alarm_s()) == (0, None)


async def test_who_sleeps_again_within_the_same_move_wakes_at_the_right_time() -> None:
    clock = ManualClock(start_us=0)
    times_us: list[int] = []

    async def ticker() -> None:
        for _ in range(3):
            await clock.sleep(1)
            times_us.append(clock.wall_us())

    ticking = asyncio.ensure_future(ticker())
    await clock.advance(10)
    await ticking
    assert times_us == [1_000_000, 2_000_000, 3_000_000]


@pytest.mark.parametrize("clock", [ManualClock(), SystemClock()], ids=["manual", "system"])
async def test_sleeping_for_nothing_gives_others_a_turn(clock: ManualClock | SystemClock) -> None:
    seen: list[int] = []
    asyncio.get_running_loop().call_soon(seen.append, 1)
    await clock.sleep(0)
    await clock.sleep(-1)
    assert seen == [1]


async def test_a_manual_timeout_ends_what_it_guards() -> None:
    clock = ManualClock()

    async def guarded() -> None:
        async with clock.timeout(5):
            await clock.sleep(60)

    waiting = asyncio.ensure_future(guarded())
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await waiting


async def test_a_timeout_that_was_not_needed_leaves_nothing_behind() -> None:
    clock = ManualClock()
    async with clock.timeout(5):
        pass
    await clock.advance(10)
    assert clock.sleepers == 0


async def test_a_timeout_of_none_never_ends_anything() -> None:
    clock = ManualClock()

    async def guarded() -> None:
        async with clock.timeout(None):
            await clock.sleep(10**6)

    waiting = asyncio.ensure_future(guarded())
    await clock.advance(10**6 + 1)
    await waiting


async def test_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    before, wall_us = clock.monotonic(), clock.wall_us()
    await clock.sleep(0.001)
    assert clock.monotonic() >= before + 0.001
    assert clock.wall_us() > wall_us > 1_700_000_000_000_000


async def test_a_system_timeout_ends_what_it_guards() -> None:
    clock = SystemClock()
    with pytest.raises(TimeoutError):
        async with clock.timeout(0.001):
            await clock.sleep(60)
