"""A wall clock that is set at the worst moment: between any two looks at it, while one message is decided or tried.

Whichever look it is, the post waits no longer than its rule and its retries say, in true time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from bridge.core.poison import PoisonGuard
from bridge.delivery.attempts import AttemptResult, Attempts
from bridge.destinations.base import Later
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.router import Nudges, Router
from broker.clock import ManualClock, us
from broker.engines import open_store
from broker.model import NewMessage
from broker.store import Store
from tests.fakes.deliveries import Scripted, a_config, put_in, seeded
from tests.fakes.routing import UIDS, T, an_alert, rules_of

YEAR_S: Final = 365 * 86_400
MOST_LOOKS: Final = 200
"""More than one message takes: a test goes up to the look that is never reached."""

RULES: Final = """
rules:
  - {name: plain, key: "{{ data.host }}", text: "{{ data.status }}", send: mail}
"""


class StartledClock(ManualClock):
    """Is set by ``by_s`` seconds right before the look at the wall clock that is ``at``, counted from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.at = 0
        self.by_s = 0.0

    def startle(self, at: int, by_s: float) -> None:
        """From now on, count looks."""
        self.looks, self.at, self.by_s = 0, at, by_s

    def calm(self) -> bool:
        """Set no more; whether that look was reached."""
        was_reached, self.at = self.looks >= self.at, 0
        return was_reached

    def wall_us(self) -> int:
        """See Clock."""
        self.looks += 1
        if self.looks == self.at:
            self.step(self.by_s)
        return super().wall_us()


@pytest.mark.parametrize("step_s", [-YEAR_S, YEAR_S])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_what_is_decided_is_due_at_once_whenever_the_clock_is_set(kind: str, step_s: int, tmp_path: Path) -> None:
    for look in range(1, MOST_LOOKS):
        clock = StartledClock()
        store = await open_store("memory" if kind == "memory" else f"sqlite://{tmp_path}/{look}.db", clock)
        try:
            was_set = await _decide_one(store, clock, look, step_s)
            assert len(await store.outbox.lease("mail", 1, 30.0)) == 1, f"set at look {look}, it waits"
            if not was_set:
                break
        finally:
            await store.close()
    assert 3 < look < MOST_LOOKS - 1


async def _decide_one(store: Store, clock: StartledClock, look: int, step_s: int) -> bool:
    """A router decides one message while the clock is set at that look; whether so many were taken."""
    decided = asyncio.Event()
    rules = ActiveConfig(rules_of(RULES), 0)
    router = Router(RoutedTopic(T, UIDS[T]), 2**60, store, rules, clock, Nudges(), lambda routed: decided.set())
    await store.log.append(UIDS[T], [NewMessage(an_alert(host="a", status="DOWN", n=1), {})])
    clock.startle(look, step_s)
    work = asyncio.create_task(router.run())
    try:
        await decided.wait()
        return clock.calm()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@pytest.mark.parametrize("step_s", [-YEAR_S, YEAR_S])
async def test_the_next_try_comes_after_its_pause_whenever_the_clock_is_set(step_s: int, tmp_path: Path) -> None:
    for look in range(1, MOST_LOOKS):
        clock = StartledClock()
        store = await open_store(f"sqlite://{tmp_path}/{look}.db", clock)
        try:
            was_set = await _try_one(store, clock, look, step_s)
            due_us = await store.outbox.next_due_us("ops")
            assert due_us is not None
            assert due_us - clock.wall_us() <= us(5.0), f"set at look {look}"
            if not was_set:
                break
        finally:
            await store.close()
    assert 3 < look < MOST_LOOKS - 1


async def _try_one(store: Store, clock: StartledClock, look: int, step_s: int) -> bool:
    """A courier tries one delivery, which fails, while the clock is set at that look; whether so many were taken."""
    config = a_config(retry={"base": 1.0, "max": 5.0, "give_up_after": 900.0}, breaker={"failures": 10**9})
    told = list[AttemptResult]()
    refusing, guard = Scripted(always=lambda parcel: Later("HTTP 503")), PoisonGuard(clock)
    tries = Attempts("ops", refusing, config, store.outbox, clock, seeded(), told.append, guard)
    await put_in(store, "d1")
    (leased,) = await store.outbox.lease("ops", 1, 30.0)
    clock.startle(look, step_s)
    assert tries.begin_all([leased]) == []
    await tries.wait_settled()
    assert [type(one.settlement).__name__ for one in told] == ["SettleAgain"]
    return clock.calm()
