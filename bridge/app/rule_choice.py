"""Which rule set a daemon serves when its files are one thing and what is current for all nodes another.

One version is current for all nodes of a store. A reload on any of them makes its files current; a start does where no
other node lives. Everybody else serves what is current, and says so where its own files are bad or say something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge.destinations.base import Destination
from bridge.routing.active_config import CURRENT, ActiveConfig
from bridge.routing.open_obligations import read_obligations
from bridge.routing.retired_rules import add_retired, list_kept_rule_sets
from bridge.routing.rule_files import keep, load_last_good, rules_of, world_of
from bridge.routing.rule_versions import explain_held, is_held, read_held
from bridge.settings.model import Settings
from broker.planned import PlannedCatalog
from broker.records import ServiceNote
from rules.ruleset import GONE, RuleSet
from rules.source.problems import ProblemsFound

UNREADABLE: Final = "this node cannot read the rule set that is in force on all nodes, and decides nothing"


async def choose_rules(
    config: Path,
    settings: Settings,
    destinations: Mapping[str, Destination],
    catalog: PlannedCatalog,
    others: Sequence[str] = (),
) -> ActiveConfig:
    """What a daemon begins with; ``others`` are the nodes that live beside it (semantics.md item 18).

    Raises ProblemsFound for bad files where there is no rule set to serve instead.
    """
    facts = {name: destination.facts for name, destination in destinations.items()}
    world = world_of(settings, config, facts, catalog.broker)
    broker, bad, own = catalog.real, None, None
    try:
        own = rules_of(settings, world)
    except ProblemsFound as error:
        bad = error
    note = broker.cache.find(ServiceNote, CURRENT)
    obligations, kept = await read_obligations(broker.store), list_kept_rule_sets(broker)
    files = own.version if own is not None else ""
    hold = read_held(broker.cache) if own is not None and is_held(broker.cache, own.version) else None
    if own is not None and hold is None and (not others or note is None or note.value == own.version):
        in_force = ActiveConfig(add_retired(own, obligations, kept, world), await keep(catalog.broker, own))
    elif (last := load_last_good(broker, world)) is not None:
        rule_set, since_us = last
        why = explain_bad(rule_set.version, bad) if bad is not None else explain_other(rule_set.version, files)
        why = explain_held(hold, rule_set.version) if hold is not None else why
        whole = add_retired(rule_set, obligations, kept, world)
        lacking = explain_lacking(rule_set) if others else ""
        in_force = ActiveConfig(whole, since_us, lacking or why, files=files, decides=not lacking)
    elif own is not None:
        in_force = ActiveConfig(own, broker.clock.wall_us(), UNREADABLE, files=files, decides=False)
    else:
        raise bad or ProblemsFound([])
    in_force.take_silences(broker.cache)
    return in_force


def explain_bad(version: str, problems: ProblemsFound) -> str:
    """The files cannot be used, and an older rule set is served."""
    return f"the rule files are bad, rule set {version} is in force:\n{problems}"


def explain_other(version: str, files: str) -> str:
    """The files can be used, but are not what is current."""
    return (
        f"the files of this node make rule set {files}, and rule set {version} is in force on all nodes: "
        "give all nodes the same files, then reload one of them"
    )


def explain_lacking(rule_set: RuleSet) -> str:
    """Destinations that the rules name and this node knows nothing of, "" for none."""
    names = {entry.to.name for rule in rule_set.rules for entry in rule.sends if entry.to.kind == GONE}
    lacking = sorted(names - rule_set.gone.keys())
    if not lacking:
        return ""
    return f"{UNREADABLE}: its bridge.yaml has no destination {', '.join(lacking)}; mend that, and reload it"
