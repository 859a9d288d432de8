"""Deciding an old message anew, as if nothing had been before it and nothing were remembered of it.

No dedupe, throttle, group or incident is asked, and none is changed: every key is new, a group posts what it gets at
once, and a throttle has room. Hours, silences and shadow hold as for any message of now. An event that says "over"
finds no incident open, so nothing comes of it. With the real state, a replay is an ordinary ``decide`` (semantics.md
item 19).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rules.deciding.batch_state import ABSENT
from rules.deciding.decide import decide
from rules.deciding.decision_builder import DecideContext
from rules.deciding.match import match
from rules.model import Decision, Incoming, Send
from rules.ruleset import Rule, RuleSet, index_by_name

_VIEW: Final = "alone"


def decide_alone(rule_set: RuleSet, incoming: Incoming, context: DecideContext) -> Decision:
    """What comes of a message whose origin is ``r/<replay id>``; no changes of state are in it.

    Its posts belong to no incident, and keep their order among themselves only.
    """
    alone = _alone(rule_set)
    matches = match(alone, incoming, context.now_us)
    decision = decide(alone, matches, dict.fromkeys(matches.needs, ABSENT), context)
    return replace(
        decision,
        sends=tuple(_free(send, incoming.origin) for send in decision.sends),
        shadows=tuple(_free(send, incoming.origin) for send in decision.shadows),
        changes=(),
        reads={},
    )


def _free(send: Send, origin: str) -> Send:
    return replace(send, order_key=origin, incident="")


def _alone(rule_set: RuleSet) -> RuleSet:
    """The rules, holding nothing back; made once for each rule set, and remembered with its views."""
    view = rule_set.views.get(_VIEW)
    if not isinstance(view, RuleSet):
        rules = tuple(_unheld(rule) for rule in rule_set.rules if not rule.retired)
        view = rule_set.views[_VIEW] = replace(rule_set, rules=rules, by_name=index_by_name(rules), views={})
    return view


def _unheld(rule: Rule) -> Rule:
    quiet = rule.quiet
    group = replace(quiet.group, max=1) if quiet.group is not None else None
    return replace(rule, quiet=replace(quiet, group=group, throttle=None))
