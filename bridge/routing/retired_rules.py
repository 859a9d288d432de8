"""Rules of older rule sets that told somebody of an incident: they go on judging whether it is over.

If we said it fires, we will say it is over, also after a rule was edited or removed (semantics.md item 16). The older
rule sets are in the catalog; which of their rules are needed is judged by ``rules/deciding/retired.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import structlog

from bridge.routing.open_obligations import OpenObligations
from broker.broker import Broker
from broker.records import RuleSetRecord
from rules.deciding.retired import find_superseded
from rules.language.read import rebuild
from rules.language.sources import World
from rules.ruleset import Rule, RuleSet
from rules.source.problems import ProblemsFound

_LOOKED_AT: Final = 20
"""How many of the newest rule sets are searched for a rule that is gone and has something to post."""

log = structlog.get_logger("rules")


def list_kept_rule_sets(broker: Broker) -> list[RuleSetRecord]:
    """The rule sets that the catalog keeps, newest first."""
    return sorted(broker.cache.list_all(RuleSetRecord), key=lambda record: record.created_us, reverse=True)


def add_retired(
    rule_set: RuleSet,
    obligations: OpenObligations,
    kept: Sequence[RuleSetRecord],
    world: World,
    in_force: RuleSet | None = None,
) -> RuleSet:
    """The rule set with the old rules behind it that still have to say when something is over.

    All that differ of those ``in_force`` until now are taken, for an incident may open while this is reckoned; of older
    ones those with open incidents, and those that are gone and still have something to post. Reads them anew, out of
    ``kept`` (``list_kept_rule_sets``): as much work as reading the rule files, and it may be done on a thread.
    """
    old = find_superseded(rule_set, [in_force] if in_force is not None else [])
    before = rule_set.with_retired(old)
    old = (*old, *find_superseded(before, _older(before, obligations, kept, world), obligations.forms))
    known = rule_set.with_retired(old).by_name
    lost = {name for name in obligations.speaking if name not in known}
    return rule_set.with_retired((*old, *_last_forms(lost, in_force, kept, world)))


def _last_forms(
    lost: set[str], in_force: RuleSet | None, kept: Sequence[RuleSetRecord], world: World
) -> Iterator[Rule]:
    """The rules of these names as they stood last, so that what they still have to post looks as they meant it."""
    if not lost:
        return
    for rule_set in [*([in_force] if in_force is not None else []), *_rebuilt(kept[:_LOOKED_AT], world)]:
        for rule in [rule for rule in rule_set.rules if rule.name in lost]:
            lost.discard(rule.name)
            yield rule
        if not lost:
            return


def _older(
    rule_set: RuleSet, obligations: OpenObligations, kept: Sequence[RuleSetRecord], world: World
) -> Iterator[RuleSet]:
    """The rule sets under which incidents that are open now were seen last, newest first."""
    wanted = [
        stored for stored in kept if stored.version != rule_set.version and stored.version in obligations.versions
    ]
    yield from _rebuilt(wanted, world)


def _rebuilt(records: Iterable[RuleSetRecord], world: World) -> Iterator[RuleSet]:
    for record in records:
        try:
            yield rebuild(record.sources, world)
        except (ProblemsFound, ValueError) as error:
            log.warning("an older rule set cannot be read any more", version=record.version, reason=str(error)[:500])
