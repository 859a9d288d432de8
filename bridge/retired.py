"""Rules of older rule sets that told somebody of an incident: they go on judging whether it is over.

If we said it fires, we will say it is over, also after a rule was edited or removed (semantics.md item 16). The older
rule sets are in the catalog; which of their rules are needed is judged by ``rules/retired.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from broker.broker import Broker
from broker.records import RuleSetRecord
from broker.store import Store
from rules.problems import ProblemsFound
from rules.read import rebuild
from rules.retired import superseded
from rules.ruleset import RuleSet
from rules.sources import World

log = structlog.get_logger("rules")


async def with_retired(rule_set: RuleSet, store: Store, broker: Broker, world: World) -> RuleSet:
    """The rule set with the old rules behind it that still have to say when something is over."""
    holding = [name for name, rows in (await store.state.counts()).items() if rows]
    if not holding:
        return rule_set
    return rule_set.with_retired(superseded(rule_set, _older(rule_set, broker, world), holding))


def _older(rule_set: RuleSet, broker: Broker, world: World) -> Iterator[RuleSet]:
    """The rule sets that were in force before, newest first."""
    records = sorted(broker.cache.all(RuleSetRecord), key=lambda record: record.created_us, reverse=True)
    for record in records:
        if record.version == rule_set.version:
            continue
        try:
            yield rebuild(record.sources, world)
        except (ProblemsFound, ValueError) as error:
            log.warning("an older rule set cannot be read any more", version=record.version, reason=str(error)[:500])
