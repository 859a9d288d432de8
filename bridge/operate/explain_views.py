"""An explanation of the rules as plain values: what the API answers and the command line draws."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bridge.destinations.base import Destination, Parcel
from bridge.routing.commit_batch import delivery_id
from rules.conditions.conditions import ConditionTrace
from rules.model import Judgement, Send
from rules.workbench.explain import Explanation, RuleExplained


def explained(
    explanation: Explanation, destinations: Mapping[str, Destination] = MappingProxyType({})
) -> dict[str, Any]:
    """Each rule with each condition and what it saw, and the posts that would come of it.

    With ``destinations``, each post also as exactly what its destination would be sent, secrets hidden.
    """
    decision = explanation.decision
    return {
        "version": explanation.version,
        "topic": explanation.incoming.topic,
        "fate": decision.fate or "",
        "undecodable": explanation.undecodable or "",
        "rules": [_rule(one) for one in explanation.rules],
        "unheard": list(explanation.unheard),
        "sends": [
            *(_send(send, destinations, shadow=False) for send in decision.sends),
            *(_send(send, destinations, shadow=True) for send in decision.shadows),
        ],
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


def _seen(seen: ConditionTrace) -> dict[str, Any]:
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


def _send(send: Send, destinations: Mapping[str, Destination], *, shadow: bool) -> dict[str, Any]:
    destination = destinations.get(send.destination)
    return {
        "rule": send.rule,
        "destination": send.destination,
        "phase": send.phase,
        "part": send.part,
        "parts": send.parts,
        "fallback": send.fallback,
        "shadow": shadow,
        "post": send.post,
        "payload": destination.preview(_parcel(send)) if destination is not None else None,
    }


def _parcel(send: Send) -> Parcel:
    """The send as its destination would be given it at its first try."""
    return Parcel(
        id=delivery_id(send),
        post=send.post,
        phase=send.phase,
        order_key=send.order_key,
        rule=send.rule,
        key=send.key,
        incident=send.incident,
        part=send.part,
        parts=send.parts,
        places=send.places,
    )
