"""Waiting for the first of several things, and giving others their turn."""

from __future__ import annotations

import asyncio

import pytest

from bridge.core.waiting import RepeatedWait, Turn, wait_for_first
from broker.clock import ManualClock


async def after(clock: ManualClock, seconds: float, done: list[float]) -> None:
    try:
        await clock.sleep(seconds)
    except asyncio.CancelledError:
        done.append(-seconds)
        raise
    done.append(seconds)


async def test_the_first_thing_ends_the_wait_and_the_others_are_cancelled() -> None:
    clock, done = ManualClock(), list[float]()
    waiting = asyncio.create_task(wait_for_first(clock, 60.0, after(clock, 5.0, done), after(clock, 9.0, done)))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    await waiting
    assert done == [5.0, -9.0]


async def test_it_ends_when_the_time_is_over() -> None:
    clock, done = ManualClock(), list[float]()
    waiting = asyncio.create_task(wait_for_first(clock, 3.0, after(clock, 5.0, done)))
    await clock.advance(3.1)
    await waiting
    assert done == [-5.0]


async def test_without_a_time_it_waits_for_ever() -> None:
    clock, done = ManualClock(), list[float]()
    waiting = asyncio.create_task(wait_for_first(clock, None, after(clock, 100_000.0, done)))
    await clock.advance(99_999.0)
    assert not waiting.done()
    await clock.advance(2.0)
    await waiting


async def test_what_the_first_one_raises_is_raised() -> None:
    clock, done = ManualClock(), list[float]()

    async def broken() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await wait_for_first(clock, 60.0, broken(), after(clock, 5.0, done))


async def test_cancelled_itself_it_leaves_nothing_behind() -> None:
    clock, done = ManualClock(), list[float]()
    waiting = asyncio.create_task(wait_for_first(clock, 60.0, after(clock, 5.0, done)))
    await clock.advance(1.0)
    waiting.cancel()
    await clock.advance(1.0)
    assert waiting.cancelled()
    assert done == [-5.0]


class Counting(ManualClock):
    """A clock that counts the turns it was asked to give."""

    turns = 0

    async def sleep(self, seconds: float) -> None:
        self.turns += 1
        await super().sleep(seconds)


async def test_a_turn_is_given_once_ours_took_long_enough() -> None:
    clock = Counting()
    turn = Turn(clock, 0.005)
    given = []
    for _ in range(12):
        await clock.advance(0.002)
        await turn.give()
        given.append(clock.turns)
    assert given == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]


async def test_a_repeated_wait_ends_with_its_thing_and_goes_on_waiting_for_events() -> None:
    clock, done, event, other = ManualClock(), list[float](), asyncio.Event(), asyncio.Event()
    repeated = RepeatedWait(clock)
    for _ in range(3):
        waiting = asyncio.create_task(repeated.wait(60.0, after(clock, 1.0, done), event, other))
        await clock.advance(1.1)
        await waiting
    assert done == [1.0, 1.0, 1.0]
    watched = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert len(watched) == 2
    repeated.close()


async def test_a_repeated_wait_ends_when_an_event_is_set_and_its_thing_is_cancelled() -> None:
    clock, done, event = ManualClock(), list[float](), asyncio.Event()
    repeated = RepeatedWait(clock)
    for _ in range(2):
        waiting = asyncio.create_task(repeated.wait(60.0, after(clock, 5.0, done), event))
        await clock.advance(1.0)
        assert not waiting.done()
        event.set()
        await clock.advance(0.0)
        await waiting
        event.clear()
    assert done == [-5.0, -5.0]
    repeated.close()


async def test_a_repeated_wait_hears_an_event_that_was_set_before() -> None:
    clock, done, event = ManualClock(), list[float](), asyncio.Event()
    event.set()
    repeated = RepeatedWait(clock)
    await repeated.wait(60.0, after(clock, 5.0, done), event)
    assert done == [-5.0]
    repeated.close()


async def test_a_repeated_wait_lets_go_of_an_event_that_another_took_the_place_of() -> None:
    clock, done, event, another = ManualClock(), list[float](), asyncio.Event(), asyncio.Event()
    repeated = RepeatedWait(clock)
    for watched in (event, another):
        waiting = asyncio.create_task(repeated.wait(1.0, after(clock, 5.0, done), watched))
        await clock.advance(1.1)
        await waiting
    await clock.advance(0.0)
    assert not event._waiters
    assert another._waiters
    repeated.close()


async def test_a_repeated_wait_raises_what_its_thing_raises() -> None:
    async def fail() -> None:
        raise ValueError("no")

    repeated = RepeatedWait(ManualClock())
    with pytest.raises(ValueError, match="no"):
        await repeated.wait(60.0, fail(), asyncio.Event())
    repeated.close()
