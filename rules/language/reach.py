"""Rules that can never act, because an earlier one takes every message that they want and says stop.

Only what can be proved from the files is said: an earlier rule without ``when`` hears at least the same topics, decodes
and takes apart in the same way, and its condition follows from the later one's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from rules.conditions.clauses import ConditionNode, Equality
from rules.events.topic_filter import TopicFilter
from rules.ruleset import Rule
from rules.source.problems import Problem

MAX_COMPARED: Final = 100
"""With how many earlier rules a rule is compared at most, so that loading stays quick."""


def find_unreachable(rules: Sequence[Rule]) -> Iterator[Problem]:
    """A warning for each rule that an earlier one hides altogether."""
    stoppers = _Stoppers()
    for rule in rules:
        if rule.scheduled is not None:
            continue  # no message is to reach it
        hider = next((stopper for stopper in stoppers.near(rule) if _hides(stopper, rule)), None)
        if hider is not None:
            says = "drop: true" if hider.drop else "stop: true"
            text = f'is never reached: "{hider.name}" at {hider.place} takes every such message first and says {says}'
            yield Problem(rule.place, rule.path, text, "warning")
        elif (rule.stop or rule.drop) and rule.when is None and rule.quiet.resolved is None:
            stoppers.add(rule)


class _Stoppers:
    """Rules that stop or drop, found by a constant that whatever they hide must name too: ten thousand are few."""

    def __init__(self) -> None:
        self._by_constant: dict[tuple[str, Hashable], list[Rule]] = {}
        self._others: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Remember a rule that hides others."""
        equality = min(rule.condition.equalities, key=self._crowd, default=None)
        if equality is None:
            if len(self._others) < MAX_COMPARED:
                self._others.append(rule)
            return
        for constant in equality.constants:
            self._by_constant.setdefault((equality.place.text, constant), []).append(rule)

    def _crowd(self, equality: Equality) -> int:
        return max(
            (len(self._by_constant.get((equality.place.text, constant), ())) for constant in equality.constants),
            default=0,
        )

    def near(self, rule: Rule) -> Iterator[Rule]:
        """Those that might hide the rule."""
        yield from self._others
        for equality in rule.condition.equalities:
            constant = next(iter(equality.constants), None)
            yield from self._by_constant.get((equality.place.text, constant), [])[:MAX_COMPARED]


def follows(then: ConditionNode, given: ConditionNode) -> bool:
    """Whether ``then`` surely holds whenever ``given`` does. False where it cannot be proved."""
    if _same(then, given):
        return True
    if then.kind == "all":
        return all(follows(part, given) for part in then.parts)
    if given.kind == "any":
        return bool(given.parts) and all(follows(then, part) for part in given.parts)
    if then.kind == "any" and any(follows(part, given) for part in then.parts):
        return True
    if given.kind == "all":
        return any(follows(then, part) for part in given.parts)
    if then.kind != "line" or given.kind != "line" or then.look != given.look:
        return False
    wanted, sure = then.test.constants, given.test.constants
    return then.test.exact and wanted is not None and sure is not None and sure <= wanted


def _hides(stopper: Rule, rule: Rule) -> bool:
    alike = stopper.decode == rule.decode and (stopper.for_each is None or stopper.for_each == rule.for_each)
    if not alike or (rule.for_each is not None and stopper.for_each is None and stopper.condition.root.parts):
        return False
    if rule.condition.knows_undecodable and not stopper.condition.knows_undecodable:
        return False
    return _covers(stopper.topics, rule.topics) and follows(stopper.condition.root, rule.condition.root)


def _covers(wide: TopicFilter, narrow: TopicFilter) -> bool:
    if not wide.patterns:
        return True
    return bool(narrow.patterns) and all(
        pattern in wide.patterns or (not set(pattern) & set("*?[") and wide.covers(pattern))
        for pattern in narrow.patterns
    )


def _same(node: ConditionNode, other: ConditionNode) -> bool:
    """Whether two parts say the same in the same words."""
    if node.kind != other.kind or node.look != other.look or len(node.parts) != len(other.parts):
        return False
    if node.kind == "line" and (node.test.text != other.test.text or "…" in node.test.text):
        return False
    if node.kind == "undecodable":
        return False
    return all(_same(*pair) for pair in zip(node.parts, other.parts, strict=True))
