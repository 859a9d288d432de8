"""``/api/status``, ``/api/ledger``, ``/api/rules`` and ``/api/reload``: how the daemon stands, and what it follows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.responses import Response

from bridge.control.answering import Asked, ok, refused
from bridge.control.reloading import Reloaded
from bridge.control.times import rfc3339
from bridge.control.topics import topic_names
from bridge.ledger import all_balanced, books
from broker.clock import US_PER_S
from broker.names import router_cursor
from rules.ruleset import Quiet, Rule


async def status(asked: Asked) -> dict[str, Any]:
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


async def ledger(asked: Asked) -> dict[str, Any]:
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
        since_us = source.clock.wall_us() - since_s * US_PER_S
        said["since"] = rfc3339(since_us)
        said["recent"] = await _recent(asked, names, since_us)
    return said


async def rules(asked: Asked) -> dict[str, Any]:
    """GET /api/rules: the rules in force, in the order in which they act."""
    in_force = asked.source.in_force
    rule_set = in_force.rule_set
    state_rows = await asked.source.store.state.counts()
    return {
        "version": rule_set.version,
        "since": rfc3339(in_force.since_us),
        "degraded": in_force.degraded,
        "warnings": [str(problem) for problem in rule_set.warnings],
        "rules": [_rule(rule, state_rows.get(rule.name, 0)) for rule in rule_set.rules if not rule.retired],
    }


async def reload(asked: Asked) -> Response:
    """POST /api/reload: 200 with the version now in force, or 409 with every problem; then the old rules stay."""
    outcome = await asked.source.reload()
    if isinstance(outcome, Reloaded):
        return ok({"version": outcome.version, "warnings": list(outcome.warnings)})
    return refused(409, f"nothing was reloaded, the old settings and rules stay in force:\n{outcome.text}")


async def _destinations(asked: Asked) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = {}
    for balance in await asked.source.store.outbox.balances():
        counts.setdefault(balance.destination, Counter())[balance.state] += balance.deliveries
    couriers = asked.source.couriers()
    kinds = {name: one.facts.kind for name, one in asked.source.destinations().items()}
    found = []
    for name in dict.fromkeys([*kinds, *counts]):
        courier = couriers.get(name)
        states = counts.get(name, Counter())
        found.append(
            {
                "name": name,
                "kind": kinds.get(name, ""),
                "configured": name in kinds,
                "breaker": courier.breaker.state if courier is not None else "",
                "under_way": courier.under_way if courier is not None else 0,
                "waiting": states["waiting"],
                "delivered": states["delivered"],
                "dead": states["dead"],
            }
        )
    return found


async def _recent(asked: Asked, names: dict[str, str], since_us: int) -> list[dict[str, Any]]:
    log = asked.source.store.log
    states: dict[str, Counter[str]] = {uid: Counter() for uid in names}
    for balance in await asked.source.store.outbox.balances(since_us):
        if balance.topic_uid in states:
            states[balance.topic_uid][balance.state] += balance.stands_for
    found = []
    for uid, name in names.items():
        first = await log.offset_at(uid, since_us)
        received = 0 if first is None else (await log.bounds(uid)).end - first
        found.append({"topic": name, "received": received, "sends": dict(states[uid])})
    return found


def _rule(rule: Rule, state_rows: int) -> dict[str, Any]:
    return {
        "name": rule.name,
        "about": rule.about,
        "place": str(rule.place),
        "topics": list(rule.topics.patterns),
        "send": [entry.to.name for entry in rule.sends],
        "drop": rule.drop,
        "stop": rule.stop,
        "quiet": _quiet(rule.quiet),
        "state_rows": state_rows,
    }


def _quiet(quiet: Quiet) -> list[str]:
    """The words of section 5 that a rule uses."""
    said = {
        "dedupe": quiet.dedupe_s is not None,
        "resolved": quiet.resolved is not None,
        "group": quiet.group is not None,
        "throttle": quiet.throttle is not None,
        "repeat": quiet.repeat_s is not None,
        "flapping": quiet.flapping is not None,
        "hours": bool(quiet.hours),
        "inhibited_by": bool(quiet.inhibited_by),
        "shadow": quiet.shadow,
    }
    return [word for word, used in said.items() if used]
