"""The courier of one destination: lease -> deliver -> settle, as fast as the destination wants it and no faster.

Each delivery is tried once per lease; what became of it is judged by ``verdict`` and settled in the store, so retries
survive restarts and one slow destination never holds up another. This file says when to lease; ``attempts.py`` tries,
and ``collapse/worker.py`` makes one post of many where too much waits.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from bridge.core.poison import PoisonGuard
from bridge.core.waiting import wait_for_first
from bridge.delivery.attempts import AttemptResult, Attempts
from bridge.delivery.circuit_breaker import CircuitBreaker
from bridge.delivery.collapse.worker import Collapsed, CollapseWorker
from bridge.delivery.rate_limiter import RateLimiter
from bridge.destinations.base import Destination
from bridge.destinations.config import DestinationConfig
from broker.clock import US_PER_S, Clock
from broker.model import Leased, LeaseRequest, OwnerToken
from broker.ownership import current_owner, writing_under
from broker.store import Outbox

_LEASE_MARGIN_S: Final = 30.0  # a lease outlives the longest try by this much: for a run, and a store that is slow
_LEFT_FOR_COMMITS: Final = 2
_LONGEST_REST_S: Final = 60.0
_SHORTEST_REST_S: Final = 0.001


class Courier:
    """Delivers what waits for one destination."""

    def __init__(
        self,
        name: str,
        destination: Destination,
        config: DestinationConfig,
        outbox: Outbox,
        clock: Clock,
        rng: random.Random,
        notify: Callable[[AttemptResult], None] = lambda tried: None,
        told_folded: Callable[[Collapsed], None] = lambda folded: None,
        guard: PoisonGuard | None = None,
    ) -> None:
        self.name = name
        self._outbox = outbox
        self._clock = clock
        self._collapse_worker = CollapseWorker(
            name, config, destination.facts.max_text_runes, outbox, clock, told_folded
        )
        self._attempts = Attempts(name, destination, config, outbox, clock, rng, notify, guard or PoisonGuard(clock))
        self._stopping = asyncio.Event()
        self._leases_no_more = asyncio.Event()
        self._leases_no_more.set()
        self._folds_first = True  # too much may wait: nothing is handed over before that was looked at
        self._has_more = True  # more may be due than it had room for
        self._asked_lines = 0  # room for what it is leasing itself
        self._kept_lines = 0  # room that is kept for what is being committed
        self._returning: set[asyncio.Task[None]] = set()
        self._owner: OwnerToken | None = None

    @property
    def breaker(self) -> CircuitBreaker:
        """The breaker of the destination."""
        return self._attempts.breaker

    @property
    def rate_limiter(self) -> RateLimiter:
        """Lets as many deliveries through as the settings and the service say."""
        return self._attempts.rate_limiter

    @property
    def under_way(self) -> int:
        """How many tries are under way."""
        return self._attempts.under_way

    async def run(self) -> None:
        """Deliver until ``stop``; raises StoreUnavailable when the store does, having given nothing up."""
        self._owner = current_owner()
        self._leases_no_more.clear()
        try:
            while not self._stopping.is_set():
                self._attempts.ended.clear()
                self._folds_first = True
                folds = await self._fold()
                self._folds_first = False
                room = self._room()
                if room:
                    await self._begin_due(room)
                if not folds and not room:
                    await self._rest_for_room()
                elif not folds and not self._has_more:
                    await self._rest_for_news()
        finally:
            self._leases_no_more.set()

    async def stop(self, drain_s: float) -> None:
        """Lease no more, let tries under way finish for ``drain_s`` seconds, then cut off the rest.

        What was cut off may have arrived: that is put on record, and it is due again at once.
        """
        self._stopping.set()
        self._attempts.close()
        try:
            async with self._clock.timeout(drain_s):
                await self._leases_no_more.wait()
                await self._attempts.wait_settled()
                while self._returning:
                    await asyncio.wait(self._returning)
        except TimeoutError:
            await self._attempts.give_back(await self._attempts.cut_off())

    def keep_room(self, deliveries: int) -> LeaseRequest | None:
        """Keep room for so many deliveries that are being committed, and ask to lease them; None when there is none.

        It asks for one line more where there is room: when that is not granted, nothing else is due.
        """
        if self._leases_no_more.is_set() or self._folds_first or self.breaker.state != "closed":
            return None
        lines = min(self._room(), deliveries + 1)
        if not lines:
            return None
        self._kept_lines += lines
        return LeaseRequest(self.name, lines, self._lease_s, self._attempts.run)

    def release(self, lines: int) -> None:
        """See RoomKeeper."""
        self._kept_lines -= lines
        self._attempts.ended.set()

    def take(self, leased: Sequence[Leased]) -> None:
        """See RoomKeeper."""
        with writing_under(self._owner):  # it is the commit's context that calls
            untried = self._attempts.begin_all(leased)
        if untried:
            returning = asyncio.ensure_future(self._attempts.give_back(untried))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    async def _fold(self) -> bool:
        """Fold some of what waits, if it is too much or waited long; True when there is more to fold at once."""
        room = self._attempts.rate_limiter.room(self._clock.monotonic())
        return await self._collapse_worker.step(room=room, held_up=self._attempts.is_held_up)

    def _room(self) -> int:
        """How many lines may be leased now, beside those that are being leased."""
        return max(0, self._attempts.room() - self._kept_lines - self._asked_lines)

    async def _begin_due(self, room: int) -> None:
        """Lease up to ``room`` lines and begin to try them.

        Unless more waits than it had room for, some is left for what is committed meanwhile. What there is no room for
        any more is given back: the breaker opened meanwhile, or we are to stop.
        """
        self._asked_lines = room if self._has_more else max(1, room - _LEFT_FOR_COMMITS)
        wanted = self._asked_lines + self._attempts.passed_over
        try:
            leased = await self._outbox.lease(self.name, wanted, self._lease_s, self._attempts.run)
        finally:
            self._asked_lines = 0
        self._has_more = len({lease.delivery.new.order_key for lease in leased}) >= wanted
        await self._attempts.give_back(self._attempts.begin_all(leased))

    @property
    def _lease_s(self) -> float:
        return self._attempts.longest_s + _LEASE_MARGIN_S

    async def _rest_for_room(self) -> None:
        """Wait until a try ended, or time made room."""
        opens_in_s = self._attempts.opens_in_s()
        rest_s = _LONGEST_REST_S if opens_in_s is None else max(_SHORTEST_REST_S, opens_in_s)
        try:
            async with self._clock.timeout(min(rest_s, _LONGEST_REST_S)):
                await self._attempts.ended.wait()
        except TimeoutError:
            return

    async def _rest_for_news(self) -> None:
        """Wait until something else is to be delivered, or due."""
        rest_s = _LONGEST_REST_S
        due_us = await self._outbox.next_due_us(self.name)
        if due_us is not None:
            rest_s = min(rest_s, (due_us - self._clock.wall_us()) / US_PER_S)
        news = self._outbox.wait_for_news(self.name)
        await wait_for_first(self._clock, max(_SHORTEST_REST_S, rest_s), self._stopping.wait(), news)
