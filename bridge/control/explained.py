"""An explanation of the rules as plain values: what the API answers and the command line draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rules.conditions import Seen
from rules.explain import Explanation, RuleExplained
from rules.model import Judgement, Send


def explained(explanation: Explanation) -> dict[str, Any]:
    """Each rule with each condition and what it saw, and the posts that would come of it."""
    decision = explanation.decision
    return {
        "version": explanation.version,
        "topic": explanation.incoming.topic,
        "fate": decision.fate or "",
        "undecodable": explanation.undecodable or "",
        "rules": [_rule(one) for one in explanation.rules],
        "unheard": list(explanation.unheard),
        "sends": [*_sends(decision.sends, shadow=False), *_sends(decision.shadows, shadow=True)],
    }


def _rule(one: RuleExplained) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "place": str(one.place),
        "item": one.item,
        "fate": one.fate,
        "reason": one.reason,
        "match": [_seen(seen) for seen in one.seen],
        "resolved": [_seen(seen) for seen in one.ends],
        "vars": dict(one.vars or {}),
        "key": one.key or "",
        "judgements": [_judgement(judgement) for judgement in one.judgements],
    }


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "place": str(seen.place),
        "depth": seen.depth,
        "look": seen.look,
        "expects": seen.expects,
        "saw": seen.saw,
        "held": seen.held,
        "decisive": seen.decisive,
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "send": judgement.send,
        "destination": judgement.destination,
        "key": judgement.key,
        "outcome": judgement.outcome,
        "by": judgement.by,
    }


def _sends(sends: Iterable[Send], *, shadow: bool) -> list[dict[str, Any]]:
    return [
        {
            "rule": send.rule,
            "destination": send.destination,
            "phase": send.phase,
            "part": send.part,
            "parts": send.parts,
            "fallback": send.fallback,
            "shadow": shadow,
            "post": send.post,
        }
        for send in sends
    ]
