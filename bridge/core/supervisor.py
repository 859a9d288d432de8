"""Runs the daemon's named background workers, restarts one that fails, and reports their state.

A worker that ends with an error is logged by name and started again after a growing pause. One that waits for the store
is begun again every few seconds, so that work goes on soon after the store is back; that is no fault of the worker and
no restart. ``health`` shows each by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

import structlog

from bridge.core.holdings import Holdings
from bridge.core.pauses import STORE, WORKER, pause_s
from broker.clock import Clock
from broker.errors import NotOwner, StoreError
from broker.model import OwnerToken
from broker.ownership import writing_under

Work: TypeAlias = Callable[[], Awaitable[None]]
WorkerState: TypeAlias = Literal["running", "waiting for the store", "restarting", "stopped", "at another node"]

_WELL_AFTER_S: Final = 60.0  # a worker that ran this long begins again at the shortest pause
_TELL_EACH: Final = 30  # of many waits for the store, one in so many is logged

log = structlog.get_logger("supervisor")


@dataclass(slots=True)
class Worker:
    """One worker as it stands: its state, how often it broke off, and why the last time."""

    name: str
    state: WorkerState = "running"
    restarts: int = 0
    reason: str = ""
    keeper: asyncio.Task[None] | None = None
    once: bool = False


class Supervisor:
    """Starts workers by name, keeps them running, and stops them. ``holdings`` None: there is one node."""

    def __init__(self, clock: Clock, holdings: Holdings | None = None) -> None:
        self._clock = clock
        self.holdings = holdings
        self._holdings = holdings if holdings is not None and holdings.is_shared else None
        self._workers: dict[str, Worker] = {}

    def start(self, name: str, work: Work, *, on_one_node: bool = False, once: bool = False) -> None:
        """Begin a worker. Its ``work`` is called anew each time it is restarted; returning ends it for good.

        One that is to be done ``once`` is forgotten then. One that runs ``on_one_node`` waits until this node holds it,
        and is cut off when another one does.
        """
        if name in self._workers:
            raise ValueError(f"a worker named {name!r} runs already")
        worker = Worker(name, once=once)
        self._workers[name] = worker
        if on_one_node and self._holdings is not None:
            self._holdings.want(name)
            work = partial(_work_while_held, self._holdings, worker, work)
        with writing_under(None):  # it may be another worker that starts this one
            worker.keeper = asyncio.create_task(self._keep(worker, work), name=name)

    def token(self, name: str) -> OwnerToken | None:
        """What a worker that runs on one node writes under; None where there is one node."""
        return None if self._holdings is None else self._holdings.token(name)

    def note(self, name: str, reason: str) -> None:
        """Show with a worker what keeps it from its work, "" nothing."""
        if name in self._workers:
            self._workers[name].reason = reason

    async def stop(self, name: str) -> None:
        """Cancel a worker, wait until it is gone, and forget it. An unknown name is nothing to do."""
        worker = self._workers.pop(name, None)
        if worker is not None and worker.keeper is not None:
            worker.keeper.cancel()
            await asyncio.gather(worker.keeper, return_exceptions=True)
            self._let_go(name)

    async def wait_for(self, name: str) -> None:
        """Return once a worker has ended of itself, and forget it."""
        worker = self._workers.get(name)
        if worker is not None and worker.keeper is not None:
            await asyncio.gather(worker.keeper, return_exceptions=True)
            if self._workers.get(name) is worker:
                del self._workers[name]
                self._let_go(name)

    async def finish(self, names: Sequence[str], within_s: float) -> None:
        """Return once workers that were told to end have done so; who has not ``within_s`` seconds later is cancelled.

        A worker that waits for its store would else hold up a stop for as long as the store is away. One that runs at
        another node has nothing to finish here.
        """
        for name in names:
            if name in self._workers and self._workers[name].state == "at another node":
                await self.stop(name)
        try:
            async with self._clock.timeout(within_s):
                for name in names:
                    await self.wait_for(name)
        except TimeoutError:
            late = [name for name in names if name in self._workers]
            log.warning("workers are cut off", workers=late, after_s=within_s)
        for name in names:
            await self.stop(name)

    async def stop_all(self) -> None:
        """Cancel all workers, the last started first."""
        for name in reversed(list(self._workers)):
            await self.stop(name)

    @property
    def names(self) -> list[str]:
        """The workers that are kept, in the order in which they were started."""
        return list(self._workers)

    def health(self) -> dict[str, Worker]:
        """Every worker by name, as it stands."""
        return dict(self._workers)

    def _let_go(self, name: str) -> None:
        if self._holdings is not None:
            self._holdings.unwant(name)

    async def _keep(self, worker: Worker, work: Work) -> None:
        broken_off = waited = 0
        while True:
            began = self._clock.monotonic()
            worker.state = "running"
            error = await _ending_error(work)
            if error is None:
                worker.state = "stopped"
                if worker.once and self._workers.get(worker.name) is worker:
                    del self._workers[worker.name]
                return
            if self._clock.monotonic() - began > _WELL_AFTER_S:
                broken_off = waited = 0
            if isinstance(error, StoreError):
                worker.state, worker.reason = "waiting for the store", str(error)
                if waited % _TELL_EACH == 0:
                    log.warning("a worker waits for the store", worker=worker.name, error=str(error))
                waited += 1
                rest_s = pause_s(STORE, waited)
            else:
                worker.state, worker.reason = "restarting", f"{type(error).__name__}: {error}"
                worker.restarts += 1
                log.error("a worker broke off", worker=worker.name, exc_info=error)
                broken_off += 1
                rest_s = pause_s(WORKER, broken_off)
            await self._clock.sleep(rest_s)


async def _work_while_held(holdings: Holdings, worker: Worker, work: Work) -> None:
    """Do the work of a worker whenever this node holds it, until it returns."""
    while True:
        if not holdings.holds(worker.name):
            worker.state = "at another node"
            await holdings.wait_held(worker.name)
        worker.state, token = "running", holdings.token(worker.name)
        with writing_under(token):
            working = asyncio.ensure_future(work())
        lost = asyncio.ensure_future(holdings.wait_lost(token))
        try:
            await asyncio.wait({working, lost}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
                return
        except NotOwner as error:
            log.info("a write came too late", worker=worker.name, error=str(error))
            await holdings.refresh()
        finally:
            for running in (working, lost):
                running.cancel()
            await asyncio.gather(working, lost, return_exceptions=True)


async def _ending_error(work: Work) -> BaseException | None:
    """What ended the work: None when it returned. A cancellation that nobody asked for is an error like any other."""
    try:
        await work()
    except asyncio.CancelledError as error:
        keeper = asyncio.current_task()
        if keeper is None or keeper.cancelling():
            raise
        return error
    except Exception as error:
        return error
    return None
