"""The courier of one destination: lease -> deliver -> settle, as fast as the destination wants it and no faster.

Each delivery is tried once per lease; what became of it is judged by ``verdict`` and settled in the store, so retries
survive restarts and one slow destination never holds up another. Tries overlap up to ``concurrency``; leasing,
delivering and settling never wait for one another's batch.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridge.breaker import Breaker
from bridge.destinations.base import Destination, Later, Outcome, Parcel
from bridge.destinations.config import DestinationConfig
from bridge.pace import Pace
from bridge.posts import post_from_bytes
from bridge.verdict import verdict
from bridge.waiting import wait_for_first
from broker.clock import US_PER_S, Clock
from broker.errors import LeaseLost, OutcomeUnknown, StoreUnavailable
from broker.model import Attempt, Delivery, Leased, Settlement
from broker.store import Outbox

_LEASE_MARGIN_S = 30.0  # a lease outlives the longest try by this much, for settling through a slow store
_TRY_MARGIN_S = 2.0  # the destination keeps its own timeout; this is for one that does not
_LONGEST_REST_S = 60.0
_SETTLE_AGAIN_S = (0.1, 0.5, 2.0, 5.0)

log = structlog.get_logger("courier")


@dataclass(frozen=True, slots=True)
class Tried:
    """One try, as told to whoever keeps count: metrics, the page, the log."""

    destination: str
    delivery: Delivery
    outcome: Outcome
    settlement: Settlement
    took_s: float
    age_s: float


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
        told: Callable[[Tried], None] = lambda tried: None,
    ) -> None:
        self.name = name
        self.breaker = Breaker(config.breaker)
        self.pace = Pace(config.rate, config.burst, clock.monotonic())
        self._destination = destination
        self._config = config
        self._outbox = outbox
        self._clock = clock
        self._rng = rng
        self._told = told
        self._trying: dict[asyncio.Task[None], str] = {}
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Deliver until ``stop``; raises StoreUnavailable when the store does, having given nothing up."""
        while not self._stopping.is_set():
            self._ended.clear()
            room = self._room()
            leased = await self._outbox.lease(self.name, room, self._lease_s) if room else ()
            for one in leased:
                self._begin(one)
            if len(leased) < room or not room:
                await self._rest(nothing_due=bool(room))

    async def stop(self, drain_s: float) -> None:
        """Lease no more, let tries under way finish for ``drain_s`` seconds, then give the rest back."""
        self._stopping.set()
        try:
            async with self._clock.timeout(drain_s):
                while self._trying:
                    await asyncio.wait(list(self._trying))
        except TimeoutError:
            tokens = list(self._trying.values())
            for trying in list(self._trying):
                trying.cancel()
            await asyncio.gather(*self._trying, return_exceptions=True)
            await self._outbox.give_back(tokens)

    @property
    def under_way(self) -> int:
        """How many tries are under way."""
        return len(self._trying)

    @property
    def _lease_s(self) -> float:
        return self._config.timeout + _TRY_MARGIN_S + _LEASE_MARGIN_S

    def _room(self) -> int:
        now = self._clock.monotonic()
        rooms = [self._config.concurrency - len(self._trying), self.breaker.room(now), self.pace.room(now)]
        return max(0, min(room for room in rooms if room is not None))

    def _begin(self, leased: Leased) -> None:
        self.breaker.begin()
        self.pace.begin(self._clock.monotonic())
        trying = asyncio.create_task(self._try(leased), name=f"try:{self.name}:{leased.delivery.id}")
        self._trying[trying] = leased.token
        trying.add_done_callback(self._finished)

    def _finished(self, trying: asyncio.Task[None]) -> None:
        del self._trying[trying]
        self._ended.set()
        if trying.cancelled():
            self.breaker.abandon()
        elif (error := trying.exception()) is not None:
            log.error("a try broke off", destination=self.name, error=repr(error))

    async def _rest(self, *, nothing_due: bool) -> None:
        """Wait for a try to end, for news, or for the next time anything may happen."""
        now = self._clock.monotonic()
        waits_s = [_LONGEST_REST_S]
        news = []
        if nothing_due:
            due_us = await self._outbox.next_due_us(self.name)
            if due_us is not None:
                waits_s.append((due_us - self._clock.wall_us()) / US_PER_S)
            news.append(self._outbox.wait_for_news(self.name))
        elif len(self._trying) < self._config.concurrency:
            waits_s.extend(wait_s for wait_s in (self.breaker.opens_in_s(now), self.pace.opens_in_s(now)) if wait_s)
        await wait_for_first(self._clock, max(0.001, min(waits_s)), self._ended.wait(), self._stopping.wait(), *news)

    async def _try(self, leased: Leased) -> None:
        delivery = leased.delivery
        started_us, started = self._clock.wall_us(), self._clock.monotonic()
        outcome = await self._outcome_of(parcel_of(leased))
        now_us, now = self._clock.wall_us(), self._clock.monotonic()
        self.pace.learn(outcome, now)
        if self.breaker.learn(outcome, now):
            log.warning("breaker", destination=self.name, state=self.breaker.state, outcome=str(outcome))
        settlement, attempt = verdict(
            delivery, outcome, self._config, started_us=started_us, now_us=now_us, rng=self._rng
        )
        await self._settle(leased, settlement, attempt)
        age_s = (now_us - delivery.new.created_us) / US_PER_S
        self._told(Tried(self.name, delivery, outcome, settlement, now - started, age_s))

    async def _outcome_of(self, parcel: Parcel) -> Outcome:
        try:
            async with self._clock.timeout(self._config.timeout + _TRY_MARGIN_S):
                return await self._destination.deliver(parcel)
        except TimeoutError:
            return Later(f"no answer within {self._config.timeout:g} s", unclear=True)
        except Exception as error:  # a bug of ours, told by name
            log.exception("a destination raised", destination=self.name, delivery=parcel.id)
            return Later(f"a bug in this destination: {type(error).__name__}", unclear=True)

    async def _settle(self, leased: Leased, settlement: Settlement, attempt: Attempt) -> None:
        """Settle through store trouble: what became of the delivery is known, so only the settling is repeated."""
        pauses = iter(_SETTLE_AGAIN_S)
        while True:
            try:
                await self._outbox.settle(leased.token, settlement, attempt)
            except (StoreUnavailable, OutcomeUnknown) as error:
                log.warning("cannot settle yet", delivery=leased.delivery.id, error=str(error))
                await self._clock.sleep(next(pauses, _SETTLE_AGAIN_S[-1]))
            except LeaseLost:
                log.warning("settled too late: the lease was lost", delivery=leased.delivery.id)
                return
            else:
                return


def parcel_of(leased: Leased) -> Parcel:
    """A leased delivery as its destination is given it."""
    delivery, new = leased.delivery, leased.delivery.new
    return Parcel(
        id=delivery.id,
        post=post_from_bytes(new.post),
        phase=new.phase,
        order_key=new.order_key,
        rule=new.rule,
        key=new.key,
        incident=new.incident,
        topic=new.topic_uid,
        part=new.part,
        parts=new.parts,
        form=delivery.form,
        earlier=leased.earlier,
        maybe_there=delivery.unclear,
        attempt=delivery.tries + 1,
        created_us=new.created_us,
    )
