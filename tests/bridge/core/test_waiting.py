"""Waiting for the first of several things, and giving others their turn."""

from __future__ import annotations

import asyncio

import pytest

from bridge.core.waiting import Turn, wait_for_first
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
