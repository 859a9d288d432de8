"""``/api/rules``: the rules in force, what each does, and what it did."""

from __future__ import annotations

from typing import Any, Final

from bridge.operate.control_context import ControlSource
from bridge.operate.http_answers import OperatorRequest
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from bridge.routing.rule_counts import by_rule, rule_counts
from broker.model import DeliveryQuery
from rules.ruleset import Quiet, Rule

_LOOKED_AT: Final = 500


async def rules(asked: OperatorRequest) -> dict[str, Any]:
    """GET /api/rules: in the order in which they act."""
    source = asked.source
    rule_set = source.in_force.rule_set
    state_rows = await source.store.state.counts()
    counted, lasts = by_rule(await source.store.counters()), await _lasts(source)
    return {
        "version": rule_set.version,
        "since": rfc3339(source.in_force.since_us),
        "degraded": source.in_force.degraded,
        "warnings": [str(problem) for problem in rule_set.warnings],
        "rules": [
            _rule(rule, state_rows.get(rule.name, 0))
            | {"counts": rule_counts(rule, counted), "last": rfc3339_or_none(lasts.get(rule.name, 0))}
            | {"failure": _failure(source, rule)}
            for rule in rule_set.rules
            if not rule.retired
        ],
    }


async def _lasts(source: ControlSource) -> dict[str, int]:
    """When each rule last acted, as far as memory and the newest deliveries tell; of others it is not known."""
    found: dict[str, int] = {}
    for delivery in await source.store.outbox.find(DeliveryQuery(limit=_LOOKED_AT)):
        found.setdefault(delivery.new.rule, delivery.new.created_us)
    for rule, at_us in source.lately.rules.items():
        found[rule] = max(at_us, found.get(rule, 0))
    return found


def _failure(source: ControlSource, rule: Rule) -> dict[str, Any] | None:
    """How a template of the rule failed last, since these rules are in force; None when none did."""
    failure = source.lately.failures.get(rule.name)
    if failure is None or failure.at_us < source.in_force.since_us:
        return None
    return {"at": rfc3339(failure.at_us), "reason": failure.reason}


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
