"""Workers that one node of all runs at a time, as one node sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self

from bridge.core.holdings import Holdings
from bridge.core.supervisor import Supervisor
from broker.clock import ManualClock
from broker.engines.ownership import SoleOwnership
from broker.errors import NotOwner, StoreUnavailable
from broker.model import NodeStanding, OwnerToken
from broker.ownership import current_owner, writing_under


class Granted:
    """An Ownership that grants what a test says, or fails."""

    ttl_s = 3.5

    def __init__(self) -> None:
        self.granted: dict[str, int] = {}
        self.fails = False

    async def hold(self, node: str, wanted: Sequence[str]) -> Mapping[str, OwnerToken]:
        if self.fails:
            raise StoreUnavailable("it was told to fail")
        return {name: OwnerToken(name, token) for name, token in self.granted.items() if name in wanted}

    async def release(self, node: str) -> None:
        self.granted.clear()

    async def nodes(self) -> Sequence[NodeStanding]:
        return []


class Stage:
    """A supervisor on such an ownership, and what its one worker did."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ownership = Granted()
        self.holdings = Holdings(self.ownership, "here", self.clock)
        self.supervisor = Supervisor(self.clock, self.holdings)
        self.began = self.ended = 0
        self.refused = asyncio.Event()
        self.wrote_under: list[OwnerToken | None] = []

    async def work(self) -> None:
        self.began += 1
        self.wrote_under.append(current_owner())
        try:
            await self.refused.wait()
            raise NotOwner(OwnerToken("router:x", 4))
        finally:
            self.ended += 1

    async def __aenter__(self) -> Self:
        self.supervisor.start("holdings", self.holdings.follow)
        self.supervisor.start("router:x", self.work, on_one_node=True)
        await self.clock.advance(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.stop_all()

    @property
    def state(self) -> str:
        return self.supervisor.health()["router:x"].state


async def test_a_worker_waits_until_this_node_holds_it() -> None:
    async with Stage() as stage:
        assert (stage.began, stage.state) == (0, "at another node")
        stage.ownership.granted["router:x"] = 4
        await stage.clock.advance(1)
        assert (stage.began, stage.state) == (1, "running")
        assert stage.supervisor.token("router:x") == OwnerToken("router:x", 4)


async def test_a_worker_that_goes_to_another_node_is_cut_off_and_begins_again_when_it_comes_back() -> None:
    async with Stage() as stage:
        stage.ownership.granted["router:x"] = 4
        await stage.clock.advance(1)
        stage.ownership.granted.clear()
        await stage.clock.advance(1)
        assert (stage.ended, stage.state) == (1, "at another node")
        stage.ownership.granted["router:x"] = 6
        await stage.clock.advance(1)
        assert (stage.began, stage.supervisor.health()["router:x"].restarts) == (2, 0)
        assert stage.wrote_under == [OwnerToken("router:x", 4), OwnerToken("router:x", 6)]


async def test_a_worker_that_another_one_starts_writes_under_no_token_of_that() -> None:
    async with Stage() as stage:
        with writing_under(OwnerToken("router:x", 4)):
            stage.supervisor.start("beside", stage.work)
        await stage.clock.advance(0)
        assert stage.wrote_under == [None]


async def test_what_cannot_be_renewed_is_given_up_before_others_may_take_it() -> None:
    async with Stage() as stage:
        stage.ownership.granted["router:x"] = 4
        await stage.clock.advance(1)
        stage.ownership.fails = True
        await stage.clock.advance(2.5)
        assert stage.state == "running"
        await stage.clock.advance(1)
        assert stage.state == "at another node"


async def test_a_write_that_came_too_late_is_no_fault_of_the_worker() -> None:
    async with Stage() as stage:
        stage.ownership.granted["router:x"] = 4
        await stage.clock.advance(1)
        stage.ownership.granted.clear()
        stage.refused.set()
        await stage.clock.advance(0.1)
        assert (stage.ended, stage.state, stage.supervisor.health()["router:x"].restarts) == (1, "at another node", 0)


async def test_a_stop_waits_for_no_worker_that_runs_elsewhere() -> None:
    async with Stage() as stage:
        await stage.supervisor.finish(["router:x"], 5.0)
        assert "router:x" not in stage.supervisor.health()


async def test_where_there_is_one_node_everything_runs_at_once_and_writes_under_no_token() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock, Holdings(SoleOwnership(), "here", clock))
    began = asyncio.Event()

    async def work() -> None:
        began.set()

    supervisor.start("router:x", work, on_one_node=True)
    await clock.advance(0)
    assert began.is_set()
    assert supervisor.token("router:x") is None
    await supervisor.stop_all()
