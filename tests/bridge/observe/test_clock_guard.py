"""The clock guard: what it tells of a wall clock that was set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.observe.clock_guard import ClockGuard
from bridge.routing.active_config import ActiveConfig
from broker.broker import Broker, BrokerSettings
from broker.clock import ManualClock, us
from broker.engines import open_store
from broker.model import Put
from broker.records import SilenceRecord
from broker.steady import ClockStep
from broker.store import Store
from tests.fakes.routing import rules_of

HOUR_S = 3_600
RULES = "rules:\n  - {name: all, text: x, send: ops}\n"


class Watch:
    """A guard over a store, and whom it tells."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.told: list[ClockStep] = []
        self.clock = clock
        self.guard = ClockGuard(store, clock)

    async def look(self) -> None:
        await self.guard.look(self._take)

    async def _take(self, step: ClockStep) -> None:
        self.told.append(step)

    def metrics(self) -> dict[str, float]:
        return {one.name: one.value for metric in self.guard.collect() for one in metric.samples}


@asynccontextmanager
async def watching(clock: ManualClock, url: str = "memory") -> AsyncIterator[Watch]:
    store = await open_store(url, clock)
    try:
        yield Watch(store, clock)
    finally:
        await store.close()


@pytest.mark.parametrize(("step_s", "way"), [(-HOUR_S, "back by 1h"), (2 * HOUR_S, "forward by 2h")])
async def test_a_step_is_one_line_and_counts(step_s: int, way: str) -> None:
    async with watching(ManualClock()) as watch:
        await watch.look()
        assert watch.metrics()["ams_bridge_clock_steps_total"] == 0
        watch.clock.step(step_s)
        with capture_logs() as logs:
            await watch.look()
            await watch.look()
        (line,) = logs
        assert (line["log_level"], line["by_s"]) == ("warning", step_s)
        assert line["event"].startswith(f"the wall clock was set {way} while we were running")
        assert watch.metrics()["ams_bridge_clock_steps_total"] == 1
        assert watch.metrics()["ams_bridge_clock_step_seconds"] == step_s
        assert [step.size_us for step in watch.told] == [us(step_s)]


async def test_a_clock_that_only_runs_is_not_spoken_of() -> None:
    async with watching(ManualClock()) as watch:
        for _ in range(100):
            await watch.clock.advance(HOUR_S)
            watch.clock.step(0.4)
            await watch.look()
        assert (watch.told, watch.guard.explain()) == ([], "")


async def test_while_the_clock_stands_before_its_newest_time_it_says_so_until_it_has_caught_up() -> None:
    async with watching(ManualClock()) as watch:
        with capture_logs() as logs:
            watch.clock.step(-HOUR_S)
            await watch.look()
            assert watch.guard.explain().startswith(
                "the clock stands 1h before the newest time it told, 2026-01-01T00:00:00Z:"
            )
            assert watch.metrics()["ams_bridge_clock_behind_seconds"] == HOUR_S
            await watch.clock.advance(HOUR_S)
            await watch.look()
        assert (watch.guard.explain(), watch.metrics()["ams_bridge_clock_behind_seconds"]) == ("", 0)
        assert logs[-1]["event"] == "the clock has caught up with the newest time in the store"


@pytest.mark.parametrize("reboots", [False, True])
async def test_a_step_while_nothing_ran_is_told_at_the_start(tmp_path: Path, *, reboots: bool) -> None:
    clock, url = ManualClock(), f"sqlite://{tmp_path}/clock.db"
    async with watching(clock, url) as watch:
        await watch.look()
    clock.step(-HOUR_S)
    if reboots:
        clock.reboot()
    async with watching(clock, url) as watch:
        with capture_logs() as logs:
            await watch.look()
        assert [line["event"] for line in logs if "was set" in line["event"]] == [
            "the wall clock was set back by 1h while we were stopped; what waits goes on"
        ]
        assert "stands 1h before" in watch.guard.explain()


async def test_a_stop_of_days_is_no_step(tmp_path: Path) -> None:
    clock, url = ManualClock(), f"sqlite://{tmp_path}/clock.db"
    async with watching(clock, url):
        pass
    await clock.advance(7 * 24 * HOUR_S)
    clock.reboot()
    async with watching(clock, url) as watch:
        with capture_logs() as logs:
            await watch.look()
        assert [line["log_level"] for line in logs] == ["info"]
        assert watch.metrics()["ams_bridge_clock_steps_total"] == 0


async def test_a_kill_between_two_looks_hides_no_step(tmp_path: Path) -> None:
    clock, url = ManualClock(), f"sqlite://{tmp_path}/clock.db"
    async with watching(clock, url) as watch:
        await clock.advance(11)
        await watch.look()
        mark = watch.guard._store.steady.mark()
    clock.step(5 * 365 * 24 * HOUR_S)
    await clock.advance(3)
    async with watching(clock, url) as watch:
        reading = watch.guard._store.steady.read()
        assert reading.steady_us == mark.wall_us - mark.offset_us + us(3)


@pytest.mark.parametrize(("made_ahead", "step_s"), [(True, -HOUR_S), (False, -HOUR_S), (False, HOUR_S)])
async def test_a_silence_made_by_a_clock_ahead_moves_back_with_it_and_no_other(made_ahead: bool, step_s: int) -> None:
    clock = ManualClock()
    store = await open_store("memory", clock)
    broker = Broker(store, clock, BrokerSettings(sealing_key=b"k" * 32))
    await broker.load()
    in_force = ActiveConfig(rules_of(RULES), 0)
    if not made_ahead:
        await _silence(broker, clock)
        await clock.advance(2 * HOUR_S)
    else:
        await clock.advance(2 * HOUR_S)
        await _silence(broker, clock)
    before = broker.cache.list_all(SilenceRecord)[0]
    clock.step(step_s)
    with capture_logs():
        await ClockGuard(store, clock).look(lambda step: in_force.follow_clock(broker.cache, store, step))
    (after,) = broker.cache.list_all(SilenceRecord)
    assert after.until_us - before.until_us == (us(step_s) if made_ahead else 0)
    assert in_force.silences.silences[0].silence.until_us == after.until_us
    await store.close()


async def _silence(broker: Broker, clock: ManualClock) -> None:
    now_us = clock.wall_us()
    facts: dict[str, Any] = {"created_us": now_us, "modified_us": now_us, "starts_us": now_us}
    record = SilenceRecord(
        uid="s1", matchers={"rule": "all"}, until_us=now_us + us(4 * HOUR_S), who="ann", why="works", **facts
    )
    await broker.cache.write([Put("s1", record, 0)])
