"""Rules of older rule sets that told somebody of an incident: they go on judging whether it is over.

If we said it fires, we will say it is over, also after a rule was edited or removed (semantics.md item 16). The older
rule sets are in the catalog; which of their rules are needed is judged by ``rules/retired.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from bridge.owing import Owed
from broker.broker import Broker
from broker.records import RuleSetRecord
from rules.problems import ProblemsFound
from rules.read import rebuild
from rules.retired import superseded
from rules.ruleset import RuleSet
from rules.sources import World

log = structlog.get_logger("rules")


def with_retired(
    rule_set: RuleSet, owed: Owed, broker: Broker, world: World, in_force: RuleSet | None = None
) -> RuleSet:
    """The rule set with the old rules behind it that still have to say when something is over.

    All that differ of those ``in_force`` until now are taken, for an incident may open while this is reckoned; of older
    ones those with open incidents.
    """
    old = superseded(rule_set, [in_force] if in_force is not None else [])
    before = rule_set.with_retired(old)
    return rule_set.with_retired((*old, *superseded(before, _older(before, owed, broker, world), owed.forms)))


def _older(rule_set: RuleSet, owed: Owed, broker: Broker, world: World) -> Iterator[RuleSet]:
    """The rule sets under which incidents that are open now were seen last, newest first."""
    records = sorted(broker.cache.all(RuleSetRecord), key=lambda record: record.created_us, reverse=True)
    for record in records:
        if record.version == rule_set.version or record.version not in owed.versions:
            continue
        try:
            yield rebuild(record.sources, world)
        except (ProblemsFound, ValueError) as error:
            log.warning("an older rule set cannot be read any more", version=record.version, reason=str(error)[:500])
