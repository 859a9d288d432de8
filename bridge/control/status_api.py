"""``/api/status``, ``/api/ledger`` and ``/api/reload``: how the daemon stands, and its books."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.responses import Response

from bridge.delivery.courier import Courier
from bridge.observe.recent_activity import LastTries
from bridge.operate.http_answers import OperatorRequest, ok, refused
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from bridge.operate.request_reload import Reloaded, ReloadOutcome
from bridge.operate.topic_names import topic_names
from bridge.routing.ledger import all_balanced, books
from broker.gaps import read_gaps
from broker.names import router_cursor


async def status(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/status: health, workers, rules in force, and each destination with what waits for it."""
    source = asked.source
    health = source.health()
    rule_set = source.in_force.rule_set
    return {
        "release": source.release,
        "now": rfc3339(source.clock.wall_us()),
        "ready": health.ready,
        "reason": health.reason,
        "degraded": health.degraded,
        "rules": {
            "version": rule_set.version,
            "since": rfc3339(source.in_force.since_us),
            "count": len(rule_set.rules),
            "degraded": source.in_force.degraded,
        },
        "workers": [
            {"name": name, "state": worker.state, "restarts": worker.restarts, "reason": worker.reason}
            for name, worker in source.supervisor.health().items()
        ],
        "destinations": await _destinations(asked),
        "canaries": [
            {"destination": name, "verdict": one.verdict, "text": one.text} for name, one in health.canaries.items()
        ],
    }


async def ledger(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/ledger: the books of every topic over all time; with ``since_s`` also what came and went since."""
    source = asked.source
    names = topic_names(asked)
    found = await books(source.store, names)
    since_s = asked.number("since_s")
    said: dict[str, Any] = {
        "balanced": all_balanced(found),
        "topics": [
            {
                "topic": book.topic,
                "balanced": book.balanced,
                "messages": book.messages,
                "sends": book.sends,
                "routed": await source.store.cursors.get(router_cursor(book.uid)) is not None,
            }
            for book in found
        ],
    }
    if since_s is not None:
        since_us = asked.ago_us(since_s)
        said["since"] = rfc3339(since_us)
        said["recent"] = await _recent(asked, names, since_us)
    return said


async def reloaded(asked: OperatorRequest) -> ReloadOutcome:
    """Read settings and rules again in the name of whoever asks."""
    before = asked.source.in_force.rule_set.version
    outcome = await asked.source.reload()
    after = {"version": asked.source.in_force.rule_set.version}
    await asked.note("reload", before={"version": before}, after=after, done=isinstance(outcome, Reloaded))
    return outcome


async def reload(asked: OperatorRequest) -> Response:
    """POST /api/reload: 200 with the version now in force, or 409 with every problem; then the old rules stay."""
    outcome = await reloaded(asked)
    if isinstance(outcome, Reloaded):
        return ok({"version": outcome.version, "warnings": list(outcome.warnings)})
    return refused(409, f"nothing was reloaded, the old settings and rules stay in force:\n{outcome.text}")


async def _destinations(asked: OperatorRequest) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = {}
    for balance in await asked.source.store.outbox.balances():
        counts.setdefault(balance.destination, Counter())[balance.state] += balance.deliveries
    couriers = asked.source.couriers()
    kinds = {name: one.facts.kind for name, one in asked.source.destinations().items()}
    found = []
    for name in dict.fromkeys([*kinds, *counts]):
        states = counts.get(name, Counter())
        found.append(
            {
                "name": name,
                "kind": kinds.get(name, ""),
                "configured": name in kinds,
                **_standing(couriers.get(name), asked.source.clock.monotonic()),
                "waiting": states["waiting"],
                "delivered": states["delivered"],
                "dead": states["dead"],
                **_lately(asked.source.lately.tries_of(name)),
            }
        )
    return found


def _standing(courier: Courier | None, now: float) -> dict[str, Any]:
    if courier is None:
        return {"breaker": "", "probe_in_s": None, "pace": 1.0, "under_way": 0}
    return {
        "breaker": courier.breaker.state,
        "probe_in_s": courier.breaker.opens_in_s(now),
        "pace": round(courier.pace.factor, 4),
        "under_way": courier.under_way,
    }


def _lately(tries: LastTries) -> dict[str, Any]:
    return {
        "last_delivered": rfc3339_or_none(tries.delivered_us),
        "trouble": tries.trouble,
        "trouble_at": rfc3339_or_none(tries.trouble_us),
    }


async def _recent(asked: OperatorRequest, names: dict[str, str], since_us: int) -> list[dict[str, Any]]:
    log = asked.source.store.log
    states: dict[str, Counter[str]] = {uid: Counter() for uid in names}
    for balance in await asked.source.store.outbox.balances(since_us):
        if balance.topic_uid in states:
            states[balance.topic_uid][balance.state] += balance.stands_for
    found = []
    for uid, name in names.items():
        first = await log.offset_at(uid, since_us)
        end = (await log.bounds(uid)).end
        gaps = await read_gaps(asked.source.store, uid)
        received = 0 if first is None else end - first - gaps.within(first, end)
        found.append({"topic": name, "received": received, "sends": dict(states[uid])})
    return found
