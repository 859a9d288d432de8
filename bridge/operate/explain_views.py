"""An explanation of the rules as plain records: what the API answers and the command line draws."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from bridge.destinations.base import Destination, Parcel, Preview
from bridge.operate.hidden_values import (
    HIDDEN,
    hide_in_post,
    hide_in_preview,
    hide_in_text,
    hide_in_value,
    is_secret_place,
)
from bridge.routing.commit_batch import delivery_id
from rules.conditions.conditions import ConditionTrace
from rules.model import Post, Send
from rules.workbench.explain import Explanation, RuleExplained

_NO_DESTINATIONS: Final[Mapping[str, Destination]] = MappingProxyType({})


class ConditionView(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a condition: where it stands, what it looks at and expects, what it saw, and whether it held."""

    place: str
    depth: int
    look: str
    expects: str
    saw: str
    held: bool
    decisive: bool


class JudgementView(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one send, and what would keep it quiet."""

    send: int
    destination: str
    key: str
    outcome: str
    by: str


class RuleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule made of one event: each condition, and what came of it."""

    rule: str
    place: str
    item: int
    fate: str
    reason: str
    match: list[ConditionView]
    resolved: list[ConditionView]
    vars: dict[str, Any]
    key: str
    judgements: list[JudgementView]


class SendView(msgspec.Struct, frozen=True, kw_only=True):
    """A post that would come of it; ``payload`` is exactly what its destination would be sent, secrets hidden."""

    rule: str
    destination: str
    phase: str
    part: int
    parts: int
    fallback: str
    shadow: bool
    post: Post
    payload: Preview | None


class ExplanationView(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule set makes of a message; ``unheard`` are the rules that do not hear its topic."""

    version: str
    topic: str
    fate: str
    undecodable: str
    rules: list[RuleTrace]
    unheard: list[str]
    sends: list[SendView]


def explanation_view(
    explanation: Explanation, destinations: Mapping[str, Destination] = _NO_DESTINATIONS
) -> ExplanationView:
    """Each rule with each condition and what it saw, and the posts that would come of it.

    With ``destinations``, each post also as exactly what its destination would be sent, secrets hidden.
    """
    decision = explanation.decision
    return ExplanationView(
        version=explanation.version,
        topic=explanation.incoming.topic,
        fate=decision.fate or "",
        undecodable=explanation.undecodable or "",
        rules=[_trace(rule) for rule in explanation.rules],
        unheard=list(explanation.unheard),
        sends=[
            *(_send(send, destinations, shadow=False) for send in decision.sends),
            *(_send(send, destinations, shadow=True) for send in decision.shadows),
        ],
    )


def _trace(explained: RuleExplained) -> RuleTrace:
    return RuleTrace(
        rule=explained.rule,
        place=str(explained.place),
        item=explained.item,
        fate=explained.fate,
        reason=_reason(explained),
        match=[_condition(seen) for seen in explained.seen],
        resolved=[_condition(seen) for seen in explained.ends],
        vars=hide_in_value(dict(explained.vars or {})),
        key=explained.key or "",
        judgements=[msgspec.convert(each, JudgementView, from_attributes=True) for each in explained.judgements],
    )


def _reason(explained: RuleExplained) -> str:
    secret = next((seen.look for seen in explained.seen if seen.decisive and is_secret_place(seen.look)), "")
    return f"{secret} is {HIDDEN}" if secret and secret in explained.reason else hide_in_text(explained.reason)


def _condition(seen: ConditionTrace) -> ConditionView:
    return ConditionView(
        place=str(seen.place),
        depth=seen.depth,
        look=seen.look,
        expects=seen.expects,
        saw=HIDDEN if is_secret_place(seen.look) else hide_in_text(seen.saw),
        held=seen.held,
        decisive=seen.decisive,
    )


def _send(send: Send, destinations: Mapping[str, Destination], *, shadow: bool) -> SendView:
    destination = destinations.get(send.destination)
    return SendView(
        rule=send.rule,
        destination=send.destination,
        phase=send.phase,
        part=send.part,
        parts=send.parts,
        fallback=send.fallback or "",
        shadow=shadow,
        post=hide_in_post(send.post),
        payload=hide_in_preview(destination.preview(_parcel(send))) if destination is not None else None,
    )


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
