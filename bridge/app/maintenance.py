"""Housekeeping: retention of messages, settled deliveries and state, daily counters. One small step at a time."""

from __future__ import annotations

from typing import Final

import structlog

from bridge.core.audit import AuditTrail
from broker.broker import Broker
from broker.clock import Clock, moment_of, us
from broker.model import SweepPolicy
from broker.retention import Retention
from broker.store import Store

_EVERY_S: Final = 60.0
_SHORTEST_PRODUCER_KEYS_S: Final = 86_400.0

log = structlog.get_logger("sweeper")


class Sweeper:
    """Removes messages, deliveries and state that are past their time."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        retention: Retention,
        clock: Clock,
        *,
        deliveries_s: float,
        longest_give_up_s: float,
        audit: AuditTrail,
    ) -> None:
        self._store = store
        self._broker = broker
        self._retention = retention
        self._clock = clock
        self._deliveries_s = deliveries_s
        self._audit = audit
        self._producer_keys_s = max(_SHORTEST_PRODUCER_KEYS_S, longest_give_up_s)

    async def run(self) -> None:
        """Take a step every minute, for ever; a step that stopped at its limit is followed by another at once."""
        await self._retention.sweep_orphans()
        while True:
            more = await self.step()
            await self._clock.sleep(0.05 if more else _EVERY_S)

    async def step(self) -> bool:
        """Take one step of housekeeping; True when there is more to do."""
        await self._broker.tally.count_all()
        await self._audit.trim()
        await self._broker.snapshots.sweep()
        trimmed = await self._retention.step()
        if trimmed.expired:
            log.error("messages went before they were decided: the size limit forced it", expired=trimmed.expired)
        now, policy = moment_of(self._clock), self._retention.policy
        swept = await self._store.sweep(
            SweepPolicy(
                now_us=now.wall_us,
                deliveries_before_us=now.wall_us - us(self._deliveries_s),
                producer_keys_before_us=now.wall_us - us(self._producer_keys_s),
                messages_keep_us=None if policy.keep_s is None else us(policy.keep_s),
                messages_keep_bytes=policy.keep_bytes,
                told_at=now,
            )
        )
        if swept.deliveries or swept.decisions or trimmed.messages:
            log.info("swept", messages=trimmed.messages, deliveries=swept.deliveries, decisions=swept.decisions)
        return swept.more
