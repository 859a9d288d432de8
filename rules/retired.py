"""Rules of older rule sets that still have to say when their told incidents are over (semantics.md item 16).

A rule that is gone, or edited so that the end of an incident may look different (another ``key``, ``resolved``,
``for_each`` ...), goes on judging ``resolved`` in its old form, while it holds state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from rules.ruleset import Rule, RuleSet

MAX_FORMS: Final = 4
"""How many old forms of one rule go on judging; beyond, the oldest incidents are told "no news" in time."""


def superseded(current: RuleSet, older: Iterable[RuleSet], holding: Collection[str]) -> tuple[Rule, ...]:
    """The old rules to put behind ``current`` with ``with_retired``.

    ``older`` are the rule sets that were in force before, newest first, and may be read lazily; ``holding`` are the
    names of rules that hold state. Of each rule every form that judges differently is taken once.
    """
    forms: dict[str, set[str]] = {}
    for rule in current.rules:
        for name in (rule.name, *rule.was):
            forms.setdefault(name, set()).add(rule.judging)
    found: list[Rule] = []
    for rule_set in older:
        for rule in rule_set.rules:
            known = forms.setdefault(rule.name, set())
            if rule.quiet.resolved is None or rule.name not in holding or rule.judging in known:
                continue
            if len(known) < MAX_FORMS:
                known.add(rule.judging)
                found.append(rule)
    return tuple(found)
