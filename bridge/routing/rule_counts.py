"""What each rule did, counted over the whole life of the store: how often it took an event, and what came of it.

The counts stand among a topic's counters and outlive deliveries and decisions. They are named
``rules/<outcome>/<by>/<rule>`` for decided (event, rule, send) triples, and ``rules/posts//<rule>`` for posts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rules.deciding.quiet.verdicts import book_name
from rules.model import Decision, Judgement
from rules.ruleset import Rule

_PREFIX: Final = "rules/"
_POSTS: Final = "posts"


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """What a rule did: decided (event, rule, send) triples by what came of them at once, and the posts it made.

    ``held`` ones were collected (a group, a throttle); their posts are among ``posts``. ``suppressed_by`` says what
    kept the suppressed ones quiet.
    """

    decided: int = 0
    posts: int = 0
    sent: int = 0
    held: int = 0
    suppressed: int = 0
    shadow: int = 0
    dropped: int = 0
    updated: int = 0
    suppressed_by: Mapping[str, int] = field(default_factory=dict)


def _counter_of(judgement: Judgement) -> str:
    by = book_name(judgement.by) if judgement.outcome == "suppressed" else ""
    return f"{_PREFIX}{judgement.outcome}/{by}/{judgement.rule}"


def counts_of(decision: Decision) -> Counter[str]:
    """The additions to a topic's counters that a decision makes."""
    counts = Counter(_counter_of(judgement) for judgement in decision.judgements)
    counts.update(f"{_PREFIX}{_POSTS}//{send.rule}" for send in decision.sends if send.part == 0)
    return counts


def count_by_rule(counters: Mapping[tuple[str, str], int]) -> dict[str, Counter[tuple[str, str]]]:
    """The counts among all counters of a store: rule -> (outcome, by) -> how many, over all topics."""
    by_rule: dict[str, Counter[tuple[str, str]]] = {}
    for (_, name), n in counters.items():
        if name.startswith(_PREFIX):
            outcome, by, rule = name.removeprefix(_PREFIX).split("/", 2)
            by_rule.setdefault(rule, Counter())[outcome, by] += n
    return by_rule


def rule_counts(rule: Rule, counted: Mapping[str, Counter[tuple[str, str]]]) -> RuleCounts:
    """What ``rule`` did, under the names it had before (``was:``) too."""
    total: Counter[tuple[str, str]] = Counter()
    for name in dict.fromkeys((rule.name, *rule.was)):
        total.update(counted.get(name, Counter()))
    by_outcome: Counter[str] = Counter()
    for (outcome, _), n in total.items():
        by_outcome[outcome] += n
    suppressed_by = {by: n for (outcome, by), n in sorted(total.items()) if outcome == "suppressed"}
    posts = by_outcome.pop(_POSTS, 0)
    return RuleCounts(
        decided=by_outcome.total(),
        posts=posts,
        sent=by_outcome["sent"],
        held=by_outcome["held"],
        suppressed=by_outcome["suppressed"],
        shadow=by_outcome["shadow"],
        dropped=by_outcome["dropped"],
        updated=by_outcome["updated"],
        suppressed_by=suppressed_by,
    )
