"""explain: what each rule made of a message: every condition with the value it saw, and what came of it.

It asks the same ``match`` and ``decide`` as the daemon; with the state of now it is a recomputation, and is labelled so
beside the stored decisions (semantics.md item 17).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rules.conditions.conditions import ConditionTrace
from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import EventView, event_of, items_of, match, views_of
from rules.deciding.matches import Match, Matches
from rules.deciding.vars import set_vars
from rules.events.decode import Decoded, decode
from rules.model import Decision, Event, Incoming, Judgement, StateValue
from rules.rendering.environment import RenderFailed
from rules.rendering.template_names import names_of
from rules.ruleset import Rule, RuleSet
from rules.source.problems import Place

Fate = Literal["acts", "no match", "when is false", "stopped", "nothing to end", "no items"]


@dataclass(frozen=True, slots=True)
class RuleExplained:
    """What one rule made of one event (of one item, with ``for_each``).

    ``seen`` are the parts of ``match``, ``ends`` those of ``resolved``; ``reason`` says in words why the rule did not
    act. ``key`` is None when the rule has none.
    """

    rule: str
    place: Place
    item: int
    fate: Fate
    reason: str
    seen: tuple[ConditionTrace, ...] = ()
    ends: tuple[ConditionTrace, ...] = ()
    vars: Mapping[str, Any] | None = None
    key: str | None = None
    judgements: tuple[Judgement, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule set makes of a message now. ``unheard`` are the rules that do not hear its topic."""

    version: str
    incoming: Incoming
    undecodable: str | None
    rules: tuple[RuleExplained, ...]
    unheard: tuple[str, ...]
    decision: Decision


def explain(
    rule_set: RuleSet,
    incoming: Incoming,
    state: Mapping[str, StateValue],
    context: DecideContext,
    decoded: Decoded | None = None,
) -> Explanation:
    """Every rule that hears the topic, in order, with each condition. ``state`` holds what ``match`` says it needs."""
    matches = match(rule_set, incoming, context.now_us, decoded)
    decision = decide(rule_set, matches, state, context)
    placed: list[tuple[int, int, RuleExplained]] = []
    undecodable = None
    for view in views_of(rule_set, incoming.topic):
        event = event_of(incoming, decoded or decode(incoming.payload, view.decode))
        undecodable = undecodable or event.undecodable
        for rule in view.rules:
            rules = _explain(rule_set, rule, view, event, matches, decision, context.now_us)
            placed.extend((rule.position, entry.item, entry) for entry in rules)
    heard = {rule.name for view in views_of(rule_set, incoming.topic) for rule in view.rules}
    return Explanation(
        version=rule_set.version,
        incoming=incoming,
        undecodable=undecodable,
        rules=tuple(explained for _, _, explained in sorted(placed, key=lambda entry: entry[:2])),
        unheard=tuple(rule.name for rule in rule_set.rules if rule.name not in heard),
        decision=decision,
    )


def _explain(
    rule_set: RuleSet, rule: Rule, view: EventView, event: Event, matches: Matches, decision: Decision, now_us: int
) -> Iterator[RuleExplained]:
    items = list(items_of(event, view.for_each))
    if not items:
        reason = f"for_each: {view.for_each.text if view.for_each else ''} finds nothing"
        yield RuleExplained(rule.name, rule.place, 0, "no items", reason)
    for item in items:
        matched = next((m for m in matches.found if m.rule is rule and m.event.item == item.item), None)
        judgements = tuple(j for j in decision.judgements if j.rule == rule.name and j.item == item.item)
        yield _of_item(rule_set, rule, item, matched, judgements, matches, now_us)


def _of_item(
    rule_set: RuleSet,
    rule: Rule,
    item: Event,
    matched: Match | None,
    judgements: tuple[Judgement, ...],
    matches: Matches,
    now_us: int,
) -> RuleExplained:
    event, _ = set_vars(rule_set, rule, item, now_us)
    resolved = rule.quiet.resolved
    seen = tuple(rule.condition.explain(event, now_us)) if not rule.retired else ()
    fate, reason = _fate(rule_set, rule, event, matched, judgements, matches, now_us)
    return RuleExplained(
        rule=rule.name,
        place=rule.place,
        item=item.item,
        fate=fate,
        reason=reason,
        seen=seen,
        ends=tuple(resolved.explain(event, now_us)) if resolved is not None else (),
        vars=event.vars or None,
        key=matched.key if matched is not None else None,
        judgements=judgements,
    )


def _fate(
    rule_set: RuleSet,
    rule: Rule,
    event: Event,
    matched: Match | None,
    judgements: tuple[Judgement, ...],
    matches: Matches,
    now_us: int,
) -> tuple[Fate, str]:
    if judgements:
        return "acts", ""
    if rule.scheduled is not None:
        return "no match", "it hears no messages: it reports by its schedule:"
    if matched is not None and matched.how == "resolved":
        return "nothing to end", f'no incident with the key "{matched.key}" is open'
    if matched is not None or (rule.condition.holds(event, now_us) and _when_holds(rule_set, rule, event, now_us)):
        stopper = next((m.rule.name for m in matches.found if m.rule.stop or m.rule.drop), "")
        return "stopped", f"{stopper} comes first and says {_says(matches, stopper)}"
    if rule.condition.holds(event, now_us):
        return "when is false", _when_reason(rule_set, rule, event, now_us)
    return "no match", next((f"{s.look} is {s.saw}" for s in rule.condition.explain(event, now_us) if s.decisive), "")


def _says(matches: Matches, name: str) -> str:
    return next(("drop: true" if m.rule.drop else "stop: true" for m in matches.found if m.rule.name == name), "")


def _when_holds(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> bool:
    if rule.when is None:
        return True
    try:
        return bool(rule.when.evaluate(names_of(event, now_us=now_us, tables=rule_set.tables)))
    except RenderFailed:
        return False


def _when_reason(rule_set: RuleSet, rule: Rule, event: Event, now_us: int) -> str:
    try:
        value = rule.when.evaluate(names_of(event, now_us=now_us, tables=rule_set.tables)) if rule.when else True
    except RenderFailed as error:
        return f"when failed: {error}"
    return f"when gives {value!r}"
