"""Rules of older rule sets that still have to say when their told incidents are over (semantics.md item 16).

A rule that is gone, or edited so that the end of an incident may look different (another ``key``, ``resolved``,
``for_each`` ...), goes on judging ``resolved`` in its old form, as long as an incident of that form is open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from rules.ruleset import Rule, RuleSet

MAX_FORMS: Final = 50
"""How many old forms of one rule go on judging; beyond, the oldest incidents are told "no news" in time."""


def find_superseded(
    current: RuleSet, older: Iterable[RuleSet], judging: Collection[str] | None = None
) -> tuple[Rule, ...]:
    """The old rules to put behind ``current`` with ``with_retired``.

    ``older`` are the rule sets that were in force before, newest first. Of each rule every form that judges differently
    is taken once; with ``judging``, only those of which incidents are open.
    """
    forms: dict[str, set[str]] = {}
    for rule in current.rules:
        for name in (rule.name, *rule.was):
            forms.setdefault(name, set()).add(rule.judging)
    rules: list[Rule] = []
    for rule_set in older:
        for rule in rule_set.rules:
            known = forms.setdefault(rule.name, set())
            if rule.retired or rule.quiet.resolved is None or rule.judging in known or len(known) > MAX_FORMS:
                continue
            if judging is None or rule.judging in judging:
                known.add(rule.judging)
                rules.append(rule)
    return tuple(rules)
