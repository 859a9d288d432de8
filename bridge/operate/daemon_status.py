"""Shows how the daemon stands: health, workers, the rules in force, and every destination with what waits for it."""

from __future__ import annotations

from collections import Counter

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import rfc3339, rfc3339_or_none


class RulesInForce(msgspec.Struct, frozen=True, kw_only=True):
    """The rule set in force: its version, since when, how many rules, and what is not as the files say."""

    version: str
    since: str
    count: int
    degraded: str


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker of the daemon, how often it was started again, and why the last time."""

    name: str
    state: str
    restarts: int
    reason: str


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination: its circuit breaker and pace, how much of what it has, and its last success and trouble."""

    name: str
    kind: str
    configured: bool
    breaker: str
    probe_in_s: float | None
    pace: float
    under_way: int
    waiting: int
    delivered: int
    dead: int
    last_delivered: str | None
    trouble: str
    trouble_at: str | None


class CanaryView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination's canary: its verdict (ok, failed or "" while there is none), and a sentence."""

    destination: str
    verdict: str
    text: str


class DaemonStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the daemon stands; ``reason`` says why it is not ready, ``degraded`` what is not as the files say."""

    release: str
    now: str
    ready: bool
    reason: str
    degraded: str
    rules: RulesInForce
    workers: list[WorkerView]
    destinations: list[DestinationView]
    canaries: list[CanaryView]


async def read_status(context: OperatorContext) -> DaemonStatus:
    """How the daemon stands now. Raises StoreUnavailable."""
    health, in_force = context.health(), context.in_force
    return DaemonStatus(
        release=context.release,
        now=rfc3339(context.clock.wall_us()),
        ready=health.ready,
        reason=health.reason,
        degraded=health.degraded,
        rules=RulesInForce(
            version=in_force.rule_set.version,
            since=rfc3339(in_force.since_us),
            count=len(in_force.rule_set.rules),
            degraded=in_force.degraded,
        ),
        workers=[
            WorkerView(name=name, state=worker.state, restarts=worker.restarts, reason=worker.reason)
            for name, worker in context.supervisor.health().items()
        ],
        destinations=await _destinations(context),
        canaries=[
            CanaryView(destination=name, verdict=state.verdict, text=state.text)
            for name, state in health.canaries.items()
        ],
    )


async def _destinations(context: OperatorContext) -> list[DestinationView]:
    counts: dict[str, Counter[str]] = {}
    for balance in await context.store.outbox.balances():
        counts.setdefault(balance.destination, Counter())[balance.state] += balance.deliveries
    kinds = {name: destination.facts.kind for name, destination in context.destinations().items()}
    return [
        _destination(context, name, kinds.get(name), counts.get(name, Counter()))
        for name in dict.fromkeys([*kinds, *counts])
    ]


def _destination(context: OperatorContext, name: str, kind: str | None, states: Counter[str]) -> DestinationView:
    courier, tries = context.couriers().get(name), context.lately.tries_of(name)
    now = context.clock.monotonic()
    return DestinationView(
        name=name,
        kind=kind or "",
        configured=kind is not None,
        breaker="" if courier is None else courier.breaker.state,
        probe_in_s=None if courier is None else courier.breaker.opens_in_s(now),
        pace=1.0 if courier is None else round(courier.rate_limiter.factor, 4),
        under_way=0 if courier is None else courier.under_way,
        waiting=states["waiting"],
        delivered=states["delivered"],
        dead=states["dead"],
        last_delivered=rfc3339_or_none(tries.delivered_us),
        trouble=tries.trouble,
        trouble_at=rfc3339_or_none(tries.trouble_us),
    )
