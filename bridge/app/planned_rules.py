"""A reload as it is wanted, and the rules that it would put in force."""

from __future__ import annotations

from dataclasses import dataclass

from rules.language.sources import World
from rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class PlannedRules:
    """The rules that the files make, read against the destinations and topics that there would be."""

    rule_set: RuleSet
    world: World


@dataclass(frozen=True, slots=True)
class Change:
    """Who wants a reload, and which version it is to make, "" for whichever."""

    who: str = ""
    wanted: str = ""
