"""The tries of one destination: deliver -> settle. Each delivery held is tried once, and what became of it is kept.

How many may go at once is asked of three: the settings (``concurrency``), the breaker and the pace. A try that was
answered makes room for the next line at once; that it is still to be settled holds up only its own order key.

Where a run of a line was leased, one try follows the other in the same slot: the next begins once the one before has
arrived and is settled, so of a line no more than one can come twice. What did not arrive ends the run.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import structlog

from bridge.core.poison import PoisonGuard, delivery_name
from bridge.delivery.circuit_breaker import CircuitBreaker
from bridge.delivery.parcels import parcel_of
from bridge.delivery.probes import Probes
from bridge.delivery.rate_limiter import RateLimiter
from bridge.delivery.retry_policy import cut_off, verdict
from bridge.delivery.settle import SettleRetry, UnsettledAttempt
from bridge.destinations.base import Delivered, Destination, Later, Outcome, Refused
from bridge.destinations.config import DestinationConfig
from broker.clock import US_PER_S, Clock, Moment, moment_of, step_between
from broker.errors import StoreError
from broker.model import Delivery, Leased, SettleDelivered, Settlement
from broker.store import Outbox

_TRY_MARGIN_S: Final = 2.0  # the destination keeps its own timeout; this is for one that does not
_SETTLING_FACTOR: Final = 4  # tries that wait to be settled, for each that may be under way
_LAST_WORD_S: Final = 2.0  # how long a stop waits for the store to note what was cut off
_LONGEST_RUN: Final = 16
_RUN_S: Final = 10.0  # no try of a run begins later than this after it was leased: its lease ends some time
_COMPANY_S: Final = 0.005  # how long the settlement of a lone delivery may wait to be written with something else

log = structlog.get_logger("courier")


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """One try, as told to whoever keeps count: metrics, the page, the log."""

    destination: str
    delivery: Delivery
    outcome: Outcome
    settlement: Settlement
    took_s: float
    age_s: float


@dataclass(slots=True, eq=False)
class _Try:
    """A delivery that is held, until it is settled. Between ``has_begun`` and ``is_over`` it may be on its way.

    ``rest`` of its line is leased too, and follows it in the same slot.
    """

    leased: Leased
    ticket: int
    rest: Sequence[Leased] = ()
    has_begun: bool = False
    is_over: bool = False
    has_slot: bool = True


class Attempts:
    """Tries deliveries of one destination and settles them. ``ended`` is set each time that makes room."""

    def __init__(
        self,
        name: str,
        destination: Destination,
        config: DestinationConfig,
        outbox: Outbox,
        clock: Clock,
        rng: random.Random,
        notify: Callable[[AttemptResult], None],
        guard: PoisonGuard,
    ) -> None:
        self._guard = guard
        self.breaker = CircuitBreaker(config.breaker)
        self.rate_limiter = RateLimiter(config.rate, config.burst, clock.monotonic(), longest_block_s=config.retry.max)
        self.ended = asyncio.Event()
        self._name = name
        self._destination = destination
        self._config = config
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._outbox = outbox
        self._settler = SettleRetry(outbox, clock)
        self._held: dict[asyncio.Task[None], _Try] = {}
        self._under_way = 0
        self._closed = False
        self._cutting_off = False
        self._probes = Probes()

    @property
    def longest_s(self) -> float:
        """What no try takes longer than."""
        return self._config.timeout + _TRY_MARGIN_S

    @property
    def under_way(self) -> int:
        """How many tries are under way."""
        return self._under_way

    def room(self) -> int:
        """How many tries may begin now."""
        if self._closed:
            return 0
        now = self._clock.monotonic()
        rooms = [self._slots, self.breaker.room(now), self.rate_limiter.room(now)]
        return max(0, min(room for room in rooms if room is not None))

    @property
    def is_held_up(self) -> bool:
        """Whether only the destination can say when it takes more: the breaker is open, or it told us to wait."""
        return self.breaker.state == "open" or self.rate_limiter.is_blocked(self._clock.monotonic())

    def opens_in_s(self) -> float | None:
        """When there is no room: in how many seconds time alone makes some; None when a try has to end first."""
        if self._slots <= 0 or self.breaker.is_probing:
            return None
        now = self._clock.monotonic()
        return max(self.breaker.opens_in_s(now) or 0.0, self.rate_limiter.opens_in_s(now) or 0.0)

    @property
    def _slots(self) -> int:
        most = self._config.concurrency
        return min(most - self._under_way, most * (1 + _SETTLING_FACTOR) - len(self._held))

    @property
    def passed_over(self) -> int:
        """How many deliveries failed since the breaker opened: the next probe is another's, if one waits."""
        return len(self._probes) if self.breaker.state == "open" else 0

    @property
    def run(self) -> int:
        """How many of one line may be leased at once: several where nothing but the line itself holds them up.

        All of them are marked unclear when the daemon dies, so not where a try that may have arrived is the last.
        """
        is_free = self._config.rate is None and self.breaker.state == "closed"
        return _LONGEST_RUN if is_free and self._config.when_unclear == "again" else 1

    def begin_all(self, leased: Sequence[Leased]) -> list[Leased]:
        """Try deliveries, line by line; gives those that there is no room for.

        A line of which one was a probe in vain comes after all that were none since.
        """
        lines = [list(line) for _, line in groupby(leased, key=lambda entry: entry.delivery.new.order_key)]
        self._probes.sort(lines)
        return [lease for line in lines for lease in self._begin_line(line)]

    def _begin_line(self, line: Sequence[Leased]) -> Sequence[Leased]:
        """Try the first of a line, and after it the rest; one whose try we know the end of is only settled."""
        first, *rest = line
        known = self._settler.recall(first)
        if known is not None:
            try_ = _Try(first, -1, has_begun=True, is_over=True, has_slot=False)
            self._hold(try_, self._settler.settle(first, known))
            return rest
        if not self.room():
            return line
        self._begin(first, rest)
        return ()

    def _begin(self, leased: Leased, rest: Sequence[Leased]) -> None:
        try_ = _Try(leased, self.breaker.begin(), rest)
        self.rate_limiter.begin(self._clock.monotonic())
        self._under_way += 1
        self._hold(try_, self._try(try_))

    async def give_back(self, leased: Sequence[Leased]) -> None:
        """End leases of deliveries that were not tried. Where the store is in trouble they end by themselves."""
        if not leased:
            return
        try:
            await self._outbox.give_back([lease.token for lease in leased])
        except StoreError as error:
            log.warning("leases end by themselves", destination=self._name, leases=len(leased), error=str(error))

    def close(self) -> None:
        """Begin no more tries; those under way go on."""
        self._closed = True
        self.ended.set()

    async def wait_settled(self) -> None:
        """Return once nothing is held."""
        while self._held:
            await asyncio.wait(list(self._held))

    async def cut_off(self) -> list[Leased]:
        """End the tries under way, note that they may have arrived, and say which leases are still to be given back."""
        self._cutting_off = True
        all_held = list(self._held.items())
        for trying, try_ in all_held:
            if not try_.is_over:
                trying.cancel()
        for _ in range(2):
            try:
                async with self._clock.timeout(_LAST_WORD_S):
                    await self.wait_settled()
            except TimeoutError:
                log.warning("left to their leases", destination=self._name, deliveries=len(self._held))
                for trying in list(self._held):
                    trying.cancel()
        return [leased for _, try_ in all_held for leased in (*(() if try_.has_begun else (try_.leased,)), *try_.rest)]

    def _hold(self, try_: _Try, work: Coroutine[Any, Any, None]) -> None:
        trying = asyncio.create_task(work)
        self._held[trying] = try_
        trying.add_done_callback(self._let_go)

    def _let_go(self, trying: asyncio.Task[None]) -> None:
        try_ = self._held.pop(trying)
        if not try_.is_over:
            self._end_try(try_)
        self._free_slot(try_)
        self.ended.set()
        if not trying.cancelled() and (error := trying.exception()) is not None:
            log.error("a try broke off", destination=self._name, delivery=try_.leased.delivery.id, error=repr(error))

    def _end_try(self, try_: _Try, *, keeps_slot: bool = False) -> None:
        """The try is over: nobody is written to on its behalf any more."""
        try_.is_over = True
        self.breaker.abandon(try_.ticket)
        if not keeps_slot:
            self._free_slot(try_)

    def _free_slot(self, try_: _Try) -> None:
        """Make room for another line."""
        if try_.has_slot:
            try_.has_slot = False
            self._under_way -= 1
            self.ended.set()

    async def _try(self, try_: _Try) -> None:
        try_.has_begun = True
        delivery = try_.leased.delivery
        began = moment_of(self._clock)
        try:
            outcome = await self._outcome_of(try_)
        except asyncio.CancelledError:
            if not self._cutting_off:
                raise
            self._end_try(try_)
            now = moment_of(self._clock)
            noted = cut_off(delivery, self._config, started_us=_start_us(began, now), now_us=now.wall_us)
            await self._settler.settle(try_.leased, UnsettledAttempt(delivery, *noted, now))
            return
        self._guard.settle_delivery(delivery_name(delivery.id), f"delivery {delivery.id} to {self._name}")
        now = moment_of(self._clock)
        now_us, took_s = now.wall_us, (now.monotonic_us - began.monotonic_us) / US_PER_S
        self._end_try(try_, keeps_slot=bool(try_.rest))
        settlement, attempt = verdict(
            _retell(delivery, step_between(try_.leased.told_at or began, now)),
            outcome,
            self._config,
            started_us=_start_us(began, now),
            now_us=now_us,
            rng=self._rng,
        )
        unsettled = UnsettledAttempt(delivery, settlement, attempt, now)
        is_awaited = self._closed or try_.leased.is_followed or len(self._held) > 1
        await self._settler.settle(try_.leased, unsettled, 0.0 if is_awaited else _COMPANY_S)
        await self.give_back(self._go_on(try_, settlement))
        age_s = max(0.0, (now_us - delivery.new.created_us) / US_PER_S)  # the clock may have been set back since
        self._notify(AttemptResult(self._name, delivery, outcome, settlement, took_s, age_s))

    def _go_on(self, try_: _Try, settlement: Settlement) -> Sequence[Leased]:
        """Begin the next of the run in this one's slot, if this one arrived; gives what is not to be tried."""
        rest, try_.rest = try_.rest, ()
        self._free_slot(try_)
        if not (rest and isinstance(settlement, SettleDelivered) and self._may_go_on(rest[0])):
            return rest
        rest = rest if settlement.receipt is None else [replace(lease, earlier=settlement.receipt) for lease in rest]
        self._begin(rest[0], rest[1:])
        return ()

    def _may_go_on(self, following: Leased) -> bool:
        leased_at, now = following.told_at, self._clock.monotonic()
        return leased_at is not None and now - leased_at.monotonic_us / US_PER_S < _RUN_S and self.room() > 0

    async def _outcome_of(self, try_: _Try) -> Outcome:
        """What became of the one try. A bug of a destination counts against the message, never the destination."""
        delivery_id = try_.leased.delivery.id
        name = delivery_name(delivery_id)
        if why_not := self._guard.explain_set_aside(name):
            return Refused(why_not)
        try:
            parcel = parcel_of(try_.leased)
        except Exception as error:
            log.exception("a stored post cannot be read", destination=self._name, delivery=delivery_id)
            return Refused(f"the stored post cannot be read: {type(error).__name__}")
        if parcel.post.broken:
            return Refused(parcel.post.broken)
        try:
            async with self._clock.timeout(self.longest_s):
                outcome = _check(await self._guard.run_noted(name, self._destination.deliver(parcel)))
        except TimeoutError:
            outcome = Later(f"no answer within {self._config.timeout:g} s", unclear=True)
        except (Exception, asyncio.CancelledError) as error:
            if _is_being_cancelled():
                raise
            log.exception("a destination raised", destination=self._name, delivery=delivery_id)
            return Later(f"a bug in this destination: {type(error).__name__}", unclear=True)
        self._learn(try_, outcome)
        return outcome

    def _learn(self, try_: _Try, outcome: Outcome) -> None:
        now = self._clock.monotonic()
        self.rate_limiter.learn(outcome, now)
        opened_or_closed = self.breaker.learn(try_.ticket, outcome, now)
        if self.breaker.state == "closed":
            self._probes.forget()
        else:
            self._probes.note(try_.leased.delivery.id)
        if opened_or_closed:
            reason = "" if isinstance(outcome, Delivered) else outcome.reason
            log.warning(f"the breaker is {self.breaker.state}", destination=self._name, reason=reason)


def _start_us(began: Moment, now: Moment) -> int:
    """When a try began, as the wall clock tells it now."""
    return began.wall_us + step_between(began, now)


def _retell(delivery: Delivery, by_us: int) -> Delivery:
    """A delivery as it was leased, its first try told by a wall clock that was set since."""
    return replace(delivery, first_tried_us=delivery.first_tried_us + by_us) if delivery.first_tried_us else delivery


def _is_being_cancelled() -> bool:
    """Whether somebody asked for it; a destination may also let a CancelledError of its own slip out."""
    trying = asyncio.current_task()
    return trying is not None and trying.cancelling() > 0


def _check(outcome: object) -> Outcome:
    if not isinstance(outcome, Delivered | Later | Refused):
        raise TypeError(f"{outcome!r} is no outcome")
    return outcome
