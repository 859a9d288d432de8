"""What this node runs of the workers that one node of all runs at a time.

Where a store is for one process (``ttl_s`` infinite), everything is ours and nothing waits. Where nodes share a store,
this node says each second what it wants, and is told what it holds, with a token that the store checks again whenever
something is written under it. What was not renewed in time is given up a little before another node may take it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bridge.core.label_bounds import OTHERS
from bridge.core.waiting import wait_for_first
from broker.clock import Clock
from broker.errors import StoreError
from broker.model import OwnerToken
from broker.store import Ownership

_RENEW_EACH_S: Final = 1.0
_MARGIN_S: Final = 0.5
_LOOK_EACH_S: Final = 0.2
_MOST_WORKERS: Final = 500
"""Workers that metrics tell by name; each push subscription is one, and the API makes them."""

log = structlog.get_logger("holdings")


class Holdings(Collector):
    """The workers this node wants, and those it holds."""

    def __init__(self, ownership: Ownership, node: str, clock: Clock) -> None:
        self._ownership = ownership
        self._node = node
        self._clock = clock
        self._wanted: set[str] = set()
        self._held: dict[str, OwnerToken] = {}
        self._renewed_s = -math.inf
        self._news = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def node(self) -> str:
        """What this node is called."""
        return self._node

    @property
    def is_shared(self) -> bool:
        """Whether there may be other nodes."""
        return math.isfinite(self._ownership.ttl_s)

    def want(self, worker: str) -> None:
        """Wish to run a worker."""
        self._wanted.add(worker)
        self._news.set()

    def unwant(self, worker: str) -> None:
        """Wish no longer to run it."""
        self._wanted.discard(worker)
        self._take({other: token for other, token in self._held.items() if other != worker})
        self._news.set()

    def token(self, worker: str) -> OwnerToken | None:
        """What to write under; None where there is one node, which needs none."""
        return self._held.get(worker, OwnerToken(worker, 0)) if self.is_shared else None

    def holds(self, worker: str) -> bool:
        """Whether a worker may run here now."""
        return not self.is_shared or worker in self._held

    async def wait_held(self, worker: str) -> None:
        """Return once a worker may run here."""
        await self._wait(lambda: self.holds(worker))

    async def wait_lost(self, token: OwnerToken | None) -> None:
        """Return once what is held under ``token`` is held so no longer."""
        if token is not None:
            await self._wait(lambda: self._held.get(token.worker) != token)

    async def follow(self) -> None:
        """Renew what is held and take what is free, for ever. While the store is away, what was held runs out."""
        renewing = asyncio.ensure_future(self._renew())
        try:
            while not renewing.done():
                await self._clock.sleep(_LOOK_EACH_S)
                if self._clock.monotonic() - self._renewed_s > self._ownership.ttl_s - _MARGIN_S:
                    self._take({})
            renewing.result()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.refresh()
            except StoreError as error:
                log.warning("what this node holds could not be renewed", error=str(error))
            await wait_for_first(self._clock, _RENEW_EACH_S, self._news.wait())

    async def refresh(self) -> None:
        """Renew what this node holds, and take what is free, at once. Raises StoreError."""
        began_s = self._clock.monotonic()
        tokens = await self._ownership.hold(self._node, sorted(self._wanted))
        self._renewed_s = began_s
        self._take({worker: token for worker, token in tokens.items() if worker in self._wanted})

    def collect(self) -> Sequence[Metric]:
        """See Collector."""
        owner = GaugeMetricFamily("ams_bridge_owner", "1 for each worker that this node runs", labels=["worker"])
        wanted = sorted(self._wanted)
        for worker in wanted[:_MOST_WORKERS]:
            owner.add_metric([worker], self.holds(worker))
        if len(wanted) > _MOST_WORKERS:
            owner.add_metric([OTHERS], sum(self.holds(worker) for worker in wanted[_MOST_WORKERS:]))
        return [owner]

    def _take(self, tokens: Mapping[str, OwnerToken]) -> None:
        """Note what is held from now on, and tell those who wait for a change."""
        if tokens == self._held:
            return
        gone = sorted(self._held.keys() - tokens.keys())
        if gone:
            log.info("workers go to another node", workers=gone)
        self._held = dict(tokens)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _wait(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._changed.wait()
