"""Where a step runs: on the event loop while all is quick, on a thread when it is large or others were slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bridge.core.offload import QUICK_STEPS, SLOW_S, Offload
from broker.clock import ManualClock


class SteppedClock(ManualClock):
    """A clock that a step may move while it runs, as if it took that long."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return self.passed_s


@pytest.fixture
def offload() -> Iterator[tuple[Offload, SteppedClock]]:
    clock = SteppedClock()
    made = Offload(clock, "test")
    yield made, clock
    made.close()


def here() -> int:
    return threading.get_ident()


async def test_a_quick_step_runs_on_the_event_loop(offload: tuple[Offload, SteppedClock]) -> None:
    assert await offload[0].run(here) == here()


async def test_a_large_step_runs_on_a_thread(offload: tuple[Offload, SteppedClock]) -> None:
    assert await offload[0].run(here, large=True) != here()


async def test_after_a_slow_step_others_run_on_a_thread_until_they_are_quick_again(
    offload: tuple[Offload, SteppedClock],
) -> None:
    steps, clock = offload

    def slow() -> None:
        clock.passed_s += SLOW_S * 2

    await steps.run(slow)
    for _ in range(QUICK_STEPS):
        assert await steps.run(here) != here()
    assert await steps.run(here) == here()


async def test_what_a_step_raises_on_the_thread_is_raised_here(offload: tuple[Offload, SteppedClock]) -> None:
    with pytest.raises(ZeroDivisionError):
        await offload[0].run(lambda: 1 // 0, large=True)


async def test_it_can_be_used_again_after_it_was_closed(offload: tuple[Offload, SteppedClock]) -> None:
    await offload[0].run(here, large=True)
    offload[0].close()
    assert await offload[0].run(here, large=True) != here()
