"""The supervisor: workers that break off are begun again, those that wait for the store soon; all can be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.core.supervisor import Supervisor
from broker.clock import ManualClock
from broker.errors import OutcomeUnknown, StoreUnavailable


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


class Troubled:
    """Work that raises what it is told to, after having run for ``runs_s``, and then runs for ever."""

    def __init__(self, clock: ManualClock, *errors: BaseException, runs_s: float = 0.0) -> None:
        self._clock = clock
        self._errors = list(errors)
        self._runs_s = runs_s
        self.began_at: list[float] = []

    async def __call__(self) -> None:
        self.began_at.append(self._clock.monotonic())
        if self._errors:
            error = self._errors.pop(0)
            await self._clock.sleep(self._runs_s)
            raise error
        await asyncio.get_running_loop().create_future()

    def pauses_s(self) -> list[float]:
        """The pauses between an end and the next beginning."""
        pairs = zip(self.began_at, self.began_at[1:], strict=False)
        return [round(later - earlier - self._runs_s, 3) for earlier, later in pairs]


async def test_a_worker_runs_under_its_name() -> None:
    supervisor = Supervisor(ManualClock())
    supervisor.start("courier:ops", Troubled(ManualClock()))
    supervisor.start("router:alerts", Troubled(ManualClock()))
    assert supervisor.names == ["courier:ops", "router:alerts"]
    assert {name: worker.state for name, worker in supervisor.health().items()} == {
        "courier:ops": "running",
        "router:alerts": "running",
    }
    await supervisor.stop_all()
    assert supervisor.names == []


async def test_two_workers_of_one_name_are_refused() -> None:
    supervisor = Supervisor(ManualClock())
    supervisor.start("a", Troubled(ManualClock()))
    with pytest.raises(ValueError, match="a worker named 'a' runs already"):
        supervisor.start("a", Troubled(ManualClock()))
    await supervisor.stop("a")
    supervisor.start("a", Troubled(ManualClock()))
    await supervisor.stop_all()


async def test_a_worker_that_breaks_off_is_told_by_name_and_begun_again_after_growing_pauses(logs: list[Any]) -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    work = Troubled(clock, *(RuntimeError(f"bug {n}") for n in range(7)))
    supervisor.start("a", work)
    await clock.advance(0.1)
    broken = supervisor.health()["a"]
    assert (broken.state, broken.restarts, broken.reason) == ("restarting", 1, "RuntimeError: bug 0")
    assert [(entry["event"], entry["worker"]) for entry in logs] == [("a worker broke off", "a")]
    await clock.advance(300.0)
    assert work.pauses_s() == [0.2, 1.0, 5.0, 15.0, 60.0, 60.0, 60.0]
    assert (broken.state, broken.restarts) == ("running", 7)
    await supervisor.stop_all()


async def test_one_broken_worker_leaves_the_others_alone() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    good = Troubled(clock)
    supervisor.start("bad", Troubled(clock, *(RuntimeError() for _ in range(50))))
    supervisor.start("good", good)
    await clock.advance(600.0)
    assert good.began_at == [0.0]
    await supervisor.stop_all()


async def test_a_worker_that_ran_well_for_a_while_begins_at_the_shortest_pause_again() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    work = Troubled(clock, *(RuntimeError() for _ in range(4)), runs_s=61.0)
    supervisor.start("a", work)
    await clock.advance(600.0)
    assert work.pauses_s() == [0.2] * 4
    await supervisor.stop_all()


@pytest.mark.parametrize("error", [StoreUnavailable("disk full"), OutcomeUnknown("I/O error")])
async def test_a_worker_that_waits_for_the_store_goes_on_within_two_seconds_of_its_return(
    error: Exception, logs: list[Any]
) -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    work = Troubled(clock, *(error for _ in range(50)))
    supervisor.start("a", work)
    await clock.advance(1.0)
    waiting = supervisor.health()["a"]
    assert (waiting.state, waiting.restarts, waiting.reason) == ("waiting for the store", 0, str(error))
    await clock.advance(200.0)
    assert work.pauses_s() == [0.2, 0.5, 1.0] + [2.0] * 47
    assert (waiting.state, waiting.restarts) == ("running", 0)
    assert len(logs) == 2
    await supervisor.stop_all()


async def test_a_worker_that_returns_has_stopped_and_is_not_begun_again() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    began: list[int] = []

    async def work() -> None:
        began.append(1)

    supervisor.start("a", work)
    await clock.advance(600.0)
    assert supervisor.health()["a"].state == "stopped"
    assert began == [1]
    await supervisor.wait_for("a")
    assert supervisor.names == []


async def test_a_cancellation_that_nobody_asked_for_is_an_error_like_any_other() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    work = Troubled(clock, asyncio.CancelledError())
    supervisor.start("a", work)
    await clock.advance(1.0)
    assert len(work.began_at) == 2
    assert supervisor.health()["a"].restarts == 1
    await supervisor.stop_all()


async def test_a_stop_waits_until_the_worker_is_gone() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    gone: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await clock.sleep(0)
            gone.append("gone")

    supervisor.start("a", work)
    await clock.advance(0.0)
    await supervisor.stop("a")
    assert gone == ["gone"]


async def test_the_last_begun_worker_stops_first() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    gone: list[str] = []

    def named(name: str) -> Any:
        async def work() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                gone.append(name)

        return work

    for name in "abc":
        supervisor.start(name, named(name))
    await clock.advance(0.0)
    await supervisor.stop_all()
    assert gone == ["c", "b", "a"]


async def test_a_worker_can_be_stopped_while_it_waits_to_be_begun_again() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    work = Troubled(clock, RuntimeError())
    supervisor.start("a", work)
    await clock.advance(0.1)
    await supervisor.stop("a")
    await clock.advance(600.0)
    assert len(work.began_at) == 1


async def test_stopping_or_awaiting_a_worker_that_is_not_there_is_nothing_to_do() -> None:
    supervisor = Supervisor(ManualClock())
    await supervisor.stop("nobody")
    await supervisor.wait_for("nobody")


async def test_who_was_told_to_end_and_does_not_is_cut_off_in_time() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    ends = asyncio.Event()
    supervisor.start("obeys", ends.wait)
    supervisor.start("waits for its store", Troubled(clock, *[StoreUnavailable("away")] * 100))
    supervisor.start("never ends", Troubled(clock))
    finishing = asyncio.create_task(supervisor.finish(["obeys", "waits for its store", "never ends"], 5.0))
    ends.set()
    await clock.advance(4.9)
    assert not finishing.done()
    await clock.advance(0.2)
    await finishing
    assert supervisor.names == []


async def test_when_all_end_as_they_were_told_nobody_waits_longer() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock)
    ends = asyncio.Event()
    supervisor.start("obeys", ends.wait)
    ends.set()
    await supervisor.finish(["obeys", "is not there"], 5.0)
    assert (clock.monotonic(), supervisor.names) == (0.0, [])
