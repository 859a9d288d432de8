"""Where a step runs: small ones where they are asked for, large ones on a thread, a few at a time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from broker.beside import Beside


async def test_a_small_step_runs_on_the_event_loop() -> None:
    assert await Beside().run(threading.get_ident, large=False) == threading.get_ident()


async def test_a_large_step_runs_on_a_thread() -> None:
    assert await Beside().run(threading.get_ident, large=True) != threading.get_ident()


async def test_what_a_large_step_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        await Beside().run(lambda: 1 // 0, large=True)


async def test_a_small_step_is_done_while_a_large_one_is_under_way() -> None:
    beside, begun, may_end = Beside(), threading.Event(), threading.Event()

    def large() -> bool:
        begun.set()
        return may_end.wait(20)

    under_way = asyncio.create_task(beside.run(large, large=True))
    await asyncio.to_thread(begun.wait, 20)
    assert await beside.run(lambda: "small", large=False) == "small"
    assert not under_way.done()
    may_end.set()
    assert await under_way


async def test_large_steps_wait_for_each_other() -> None:
    beside, at_work, most = Beside(), 0, 0

    def step() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        threading.Event().wait(0.001)
        at_work -= 1

    await asyncio.gather(*(beside.run(step, large=True) for _ in range(20)))
    assert most == 1
