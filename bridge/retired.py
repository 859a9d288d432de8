"""Rules that are gone from the files but told somebody of an incident: they go on judging whether it is over.

If we said it fires, we will say it is over, also after a rule edit (semantics.md item 16).
"""

from __future__ import annotations

from broker.broker import Broker
from broker.records import RuleSetRecord
from broker.store import Store
from rules.problems import ProblemsFound
from rules.read import rebuild
from rules.ruleset import Rule, RuleSet
from rules.sources import World


async def with_retired(rule_set: RuleSet, store: Store, broker: Broker, world: World) -> RuleSet:
    """The rule set with those vanished rules behind it that still hold state, each as it was when last in force."""
    missing = {name for name, rows in (await store.state.counts()).items() if rows and name not in rule_set.by_name}
    if not missing:
        return rule_set
    found: dict[str, Rule] = {}
    kept = sorted(broker.cache.all(RuleSetRecord), key=lambda record: record.created_us, reverse=True)
    for record in kept:
        if missing <= found.keys():
            break
        try:
            older = rebuild(record.sources, world)
        except (ProblemsFound, ValueError):
            continue  # kept by a program that knew more; the next older one may do
        for rule in older.rules:
            if rule.name in missing and rule.quiet.resolved is not None:
                found.setdefault(rule.name, rule)
    return rule_set.with_retired(found.values())
