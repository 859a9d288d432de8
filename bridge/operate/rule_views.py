"""Shows the rules in force, what each does, and what it did."""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import rfc3339, rfc3339_or_none
from bridge.routing.rule_counts import RuleCounts, count_by_rule, rule_counts
from broker.model import DeliveryQuery
from rules.ruleset import Quiet, Rule

_LOOKED_AT: Final = 500


class TemplateFailure(msgspec.Struct, frozen=True, kw_only=True):
    """How a template of a rule failed last, since these rules are in force."""

    at: str
    reason: str


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: where it stands, what it does and did; ``quiet`` are the words by which it keeps quiet.

    ``state_rows`` is how many keys, groups and incidents it remembers, ``last`` when it last took an event, null when
    nobody knows.
    """

    name: str
    about: str
    place: str
    topics: list[str]
    send: list[str]
    drop: bool
    stop: bool
    quiet: list[str]
    state_rows: int
    counts: RuleCounts
    last: str | None
    failure: TemplateFailure | None


class RulesPage(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in the order in which they act, with the version of the set and since when it is in force."""

    version: str
    since: str
    degraded: str
    warnings: list[str]
    rules: list[RuleView]


async def list_rules(context: OperatorContext) -> RulesPage:
    """The rules in force but those that only finish what they began. Raises StoreUnavailable."""
    in_force, rule_set = context.in_force, context.in_force.rule_set
    state_rows = await context.store.state.counts()
    counted, lasts = count_by_rule(await context.store.counters()), await _lasts(context)
    return RulesPage(
        version=rule_set.version,
        since=rfc3339(in_force.since_us),
        degraded=in_force.degraded,
        warnings=[str(problem) for problem in rule_set.warnings],
        rules=[
            _view(context, rule, state_rows.get(rule.name, 0), rule_counts(rule, counted), lasts.get(rule.name, 0))
            for rule in rule_set.rules
            if not rule.retired
        ],
    )


def rule_names(context: OperatorContext) -> list[str]:
    """The names of the rules in force but those that only finish what they began."""
    return [rule.name for rule in context.in_force.rule_set.rules if not rule.retired]


async def _lasts(context: OperatorContext) -> dict[str, int]:
    """When each rule last acted, as far as memory and the newest deliveries tell; of others it is not known."""
    spans: dict[str, int] = {}
    for delivery in await context.store.outbox.find(DeliveryQuery(limit=_LOOKED_AT)):
        spans.setdefault(delivery.new.rule, delivery.new.created_us)
    for rule, at_us in context.lately.rules.items():
        spans[rule] = max(at_us, spans.get(rule, 0))
    return spans


def _failure(context: OperatorContext, rule: Rule) -> TemplateFailure | None:
    failure = context.lately.failures.get(rule.name)
    if failure is None or failure.at_us < context.in_force.since_us:
        return None
    return TemplateFailure(at=rfc3339(failure.at_us), reason=failure.reason)


def _view(context: OperatorContext, rule: Rule, state_rows: int, counts: RuleCounts, last_us: int) -> RuleView:
    return RuleView(
        name=rule.name,
        about=rule.about,
        place=str(rule.place),
        topics=list(rule.topics.patterns),
        send=[entry.to.name for entry in rule.sends],
        drop=rule.drop,
        stop=rule.stop,
        quiet=_quiet(rule.quiet),
        state_rows=state_rows,
        counts=counts,
        last=rfc3339_or_none(last_us),
        failure=_failure(context, rule),
    )


def _quiet(quiet: Quiet) -> list[str]:
    """The words of section 5 that a rule uses."""
    texts = {
        "dedupe": quiet.dedupe_s is not None,
        "resolved": quiet.resolved is not None,
        "expect": quiet.expects is not None,
        "group": quiet.group is not None,
        "throttle": quiet.throttle is not None,
        "repeat": quiet.repeat_s is not None,
        "flapping": quiet.flapping is not None,
        "for": quiet.lasts_s is not None,
        "count": quiet.threshold is not None,
        "hours": bool(quiet.hours),
        "inhibited_by": bool(quiet.inhibited_by),
        "shadow": quiet.shadow,
    }
    return [word for word, used in texts.items() if used]
