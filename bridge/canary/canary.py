"""The canary of one destination: send it, look for it, tell what came of it; over and over.

It goes through outbox and courier as every post does. All it knows is one row of state, committed together with the
deliveries that follow from it: whatever ends the daemon, no canary is sent twice and nothing is told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import structlog

from bridge.canary.notify import canary_delivery, tell_failure, tell_recovery
from bridge.canary.read_back import ChannelReader, Looked, SeenPosts, Unreadable
from bridge.canary.state import CanaryRow, CanaryState, read_canary, row_name, write_row
from bridge.destinations.canary_settings import CanarySettings
from broker.clock import US_PER_S, Clock, Moment, moment_of, us
from broker.errors import StateMoved
from broker.model import Attempt, Commit, Delivery, NewDelivery
from broker.store import Store
from broker.tokens import Entropy, random_uid

_LOOKS: Final = 12  # how often, in the time it has, a canary is looked for
_LONGEST_PAUSE_S: Final = 5.0
_ENDED_OTHERWISE: Final = frozenset({"suppressed", "folded", "cancelled", "dropped"})

log = structlog.get_logger("canary")


@dataclass(frozen=True, slots=True)
class Arrived:
    """The canary stands in its channel. ``posts`` are those with it, and with late canaries.

    ``is_settled`` when its delivery is: else it may come once more.
    """

    posts: tuple[str, ...]
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """The canary was not found, and this is why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unproven:
    """The canary proves nothing, for somebody else ended its delivery."""


CanaryResult: TypeAlias = Arrived | Missed | Unproven


class Canary:
    """Sends and watches the canaries of one destination. ``reader`` gives who looks, None when there is nobody now."""

    def __init__(
        self,
        destination: str,
        settings: CanarySettings,
        store: Store,
        reader: Callable[[], ChannelReader | None],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._store = store
        self._reader = reader
        self._clock = clock
        self._entropy = entropy
        self._known = CanaryRow()
        self._version = 0
        self._counts = {"arrived": 0, "failed": 0}
        self._told_that_it_stays = False

    @property
    def standing(self) -> CanaryState:
        """The state of the canary."""
        known = self._known
        return CanaryState(
            self._destination, known.verdict, known.reason, known.since_us, known.last_ok_us, **self._counts
        )

    async def run(self) -> None:
        """Send and watch canaries for ever; raises what the store does, having changed nothing."""
        while True:
            await self._load()
            try:
                await self._go_on()
            except StateMoved:
                log.info("another daemon watches this canary too", destination=self._destination)

    async def _go_on(self) -> None:
        known, now_us = self._known, self._clock.wall_us()
        ends_us = known.sent_us + us(self._settings.within)
        if not known.under_way:
            due_us = known.sent_us + us(self._settings.every)
            if known.sent_us <= now_us < due_us:
                await self._clock.sleep((due_us - now_us) / US_PER_S)
            await self._send()
        elif known.sent_us <= now_us < ends_us:
            await self._conclude(await self._watch((ends_us - now_us) / US_PER_S))
        else:  # its time passed while nobody looked
            await self._commit(known.give_up(), moment_of(self._clock))
            await self._send()

    async def _send(self) -> None:
        now, delivery_id = moment_of(self._clock), random_uid(self._entropy)
        delivery = canary_delivery(self._destination, delivery_id, now.wall_us)
        await self._commit(self._known.begin(delivery_id, now.wall_us), now, delivery)

    async def _watch(self, left_s: float) -> CanaryResult:
        """Look until it is there or its time is over; the last look begins when the time is over."""
        ends = self._clock.monotonic() + left_s
        pause_s = min(_LONGEST_PAUSE_S, self._settings.within / _LOOKS)
        while True:
            is_last = self._clock.monotonic() >= ends
            result = await self._look(is_last=is_last)
            if result is not None:
                return result
            await self._clock.sleep(min(pause_s, max(0.0, ends - self._clock.monotonic())))

    async def _look(self, *, is_last: bool) -> CanaryResult | None:
        """What one look shows; None when it may still come."""
        on_record = await self._store.outbox.read(self._known.under_way)
        if on_record is None or on_record[0].state in _ENDED_OTHERWISE:
            return Unproven()
        delivery, attempts = on_record
        looked = await self._read_back() if delivery.tries else SeenPosts([])
        if isinstance(looked, SeenPosts) and looked.posts:
            return Arrived((*looked.posts, *looked.others), delivery.state == "delivered")
        if is_last or delivery.state == "dead":
            return Missed(_why(delivery, attempts, looked))
        return None

    async def _read_back(self) -> Looked:
        reader = self._reader()
        if reader is None:
            return Unreadable("the destination that looks for it is not at work")
        every_us = us(self._settings.every) if self._known.lost else 0
        return await reader.look(self._known.under_way, self._known.lost, self._known.sent_us - every_us)

    async def _conclude(self, result: CanaryResult) -> None:
        before, now = self._known, moment_of(self._clock)
        match result:
            case Arrived():
                known = before.arrive(now.wall_us, is_settled=result.is_settled)
                await self._commit(known, now, *self._recovery(before, now.wall_us))
                self._counts["arrived"] += 1
                if before.verdict == "failed":
                    log.info("canaries arrive again", destination=self._destination)
                await self._take_away(result.posts)
            case Missed():
                known = before.fail(result.reason, now.wall_us)
                await self._commit(known, now, *self._failure(before, known, now.wall_us))
                self._counts["failed"] += 1
                log.warning("the canary failed", destination=self._destination, reason=result.reason)
            case Unproven():
                await self._commit(before.give_up(), now)
            case _:
                assert_never(result)

    def _failure(self, before: CanaryRow, known: CanaryRow, now_us: int) -> tuple[NewDelivery, ...]:
        """What is told of a failure: the first of several only."""
        if before.verdict == "failed":
            return ()
        delivery = tell_failure(self._destination, self._settings, known, random_uid(self._entropy), now_us)
        return (delivery,)

    def _recovery(self, before: CanaryRow, now_us: int) -> tuple[NewDelivery, ...]:
        if before.verdict != "failed":
            return ()
        return (tell_recovery(self._destination, self._settings, before, random_uid(self._entropy), now_us),)

    async def _take_away(self, posts: tuple[str, ...]) -> None:
        reader = self._reader()
        why = await reader.take_away(posts) if reader is not None else ""
        if why and not self._told_that_it_stays:
            self._told_that_it_stays = True
            log.info("canaries stay in their channel", destination=self._destination, reason=why)

    async def _load(self) -> None:
        name = row_name(self._destination)
        row = (await self._store.state.read([name]))[name]
        self._known, self._version = read_canary(row), row.version

    async def _commit(self, known: CanaryRow, now: Moment, *deliveries: NewDelivery) -> None:
        """Put on record what is known now, with the deliveries that follow from it, all or nothing.

        Canaries that nobody looks for any more are not to be tried again.
        """
        name = row_name(self._destination)
        await self._store.commit(
            Commit(
                reads={name: self._version},
                state=[write_row(self._destination, known, now.wall_us, self._settings.every)],
                deliveries=deliveries,
                withdraw=dict.fromkeys(known.lost, "canary"),
                told_at=now,
            )
        )
        await self._load()


def _why(delivery: Delivery, attempts: Sequence[Attempt], looked: Looked) -> str:
    """Why a canary was not found, as far as anybody knows."""
    last = attempts[-1].reason if attempts else ""
    match delivery.state, looked:
        case "dead", _:
            return f"it was refused: {delivery.by}"
        case "delivered", Unreadable():
            return f"it was sent, but the bot cannot read the channel: {looked.reason}"
        case "delivered", _:
            return "the service said that it took it, and it is not there"
        case _, Unreadable() if delivery.unclear:
            return f"it may have arrived ({last}), but the bot cannot read the channel: {looked.reason}"
        case _ if delivery.tries:
            return f"it could not be delivered: {last}"
        case _:
            return "it was never tried: the destination is left alone after failures, or too much waits before it"
