"""Settling through store trouble: what became of a try is known, so only the settling is repeated, never the try."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import structlog

from bridge.core.pauses import SETTLING, pause_s
from broker.clock import Clock, Moment, moment_of, step_between
from broker.errors import LeaseLost, StoreError
from broker.model import Attempt, Delivery, Leased, SettleAgain, Settlement
from broker.store import Outbox

_REMEMBERED: Final = 1_000

log = structlog.get_logger("courier")


@dataclass(frozen=True, slots=True)
class UnsettledAttempt:
    """What became of a try that is not settled yet; its times are told by the wall clock as it stood at ``told_at``."""

    delivery: Delivery
    settlement: Settlement
    attempt: Attempt
    told_at: Moment

    def fits(self, delivery: Delivery) -> bool:
        """Whether nothing happened to the delivery since: no other try is on record, and nobody replayed it."""
        return (delivery.tries, delivery.new.late) == (self.delivery.tries, self.delivery.new.late)

    def as_of(self, now: Moment) -> tuple[Settlement, Attempt]:
        """The settlement and the attempt as the wall clock tells them now, which may have been set since."""
        by_us = step_between(self.told_at, now)
        attempt, settlement = replace(self.attempt, at_us=self.attempt.at_us + by_us), self.settlement
        if isinstance(settlement, SettleAgain):
            settlement = replace(settlement, due_us=settlement.due_us + by_us)
        return settlement, attempt


class SettleRetry:
    """Settles the tries of one destination."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._known: OrderedDict[str, UnsettledAttempt] = OrderedDict()

    async def settle(self, leased: Leased, known: UnsettledAttempt, within_s: float = 0.0) -> None:
        """Return once it is settled, however long the store takes; or once the lease is lost, and remember it then.

        It may wait ``within_s`` seconds to be written with something else.
        """
        is_remembered = False
        for failures in count(1):
            try:
                now = moment_of(self._clock)
                await self._outbox.settle(leased.token, *known.as_of(now), within_s, now)
            except StoreError as error:
                log.warning("cannot settle yet", delivery=leased.delivery.id, error=str(error))
                if not is_remembered:  # the lease may end, and the delivery be leased anew, before we ask again
                    self._remember(known)
                    is_remembered = True
                await self._clock.sleep(pause_s(SETTLING, failures))
            except LeaseLost:
                log.warning("settled too late: the lease was lost", delivery=leased.delivery.id)
                if not is_remembered:
                    self._remember(known)
                return
            else:
                self._forget(known)
                return

    def recall(self, leased: Leased) -> UnsettledAttempt | None:
        """What is known of a delivery that is leased again because its try could not be settled in time. Told once."""
        known = self._known.pop(leased.delivery.id, None) if self._known else None
        return known if known is not None and known.fits(leased.delivery) else None

    def _remember(self, known: UnsettledAttempt) -> None:
        self._known[known.delivery.id] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _forget(self, known: UnsettledAttempt) -> None:
        if self._known.get(known.delivery.id) is known:
            del self._known[known.delivery.id]
