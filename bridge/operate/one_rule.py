"""Shows one rule with its newest deliveries, and what it would have sent in shadow beside what others sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_errors import NoSuchThing
from bridge.operate.rule_views import RuleView, list_rules
from broker.model import Delivery, DeliveryQuery

_SHOWN: Final = 20
_READ: Final = 200
MOST_READ: Final = 5_000
"""So many deliveries are looked at most for those that were no shadows; who found fewer is told so."""


class SentDeliveries(msgspec.Struct, frozen=True):
    """The newest deliveries that were no shadows; ``complete`` unless there may be others beyond those looked at."""

    deliveries: Sequence[Delivery]
    complete: bool


class ShadowBeside(msgspec.Struct, frozen=True):
    """A would-be delivery, and what other rules sent for the same message."""

    would_be: Delivery
    sent: SentDeliveries


class RuleDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of the set ``version``, what it sent lately, and what it would have sent, the newest first."""

    rule: RuleView
    version: str
    sent: SentDeliveries
    shadows: list[ShadowBeside]


async def show_rule(context: OperatorContext, name: str) -> RuleDetail:
    """One rule in force. Raises NoSuchThing, StoreUnavailable."""
    page = await list_rules(context)
    rule = next((rule for rule in page.rules if rule.name == name), None)
    if rule is None:
        text = f'There is no rule "{name[:100]}" in force; it may have been renamed or removed.'
        raise NoSuchThing("rule", name, text)
    shadows = await context.store.outbox.find(DeliveryQuery(state="shadow", rule=name, limit=_SHOWN))
    return RuleDetail(
        rule=rule,
        version=page.version,
        sent=await _find_sent(context, DeliveryQuery(rule=name, limit=_READ)),
        shadows=[ShadowBeside(shadow, await _of_its_message(context, shadow)) for shadow in shadows],
    )


async def _of_its_message(context: OperatorContext, would_be: Delivery) -> SentDeliveries:
    new = would_be.new
    if new.offset < 0:
        return SentDeliveries((), complete=True)
    return await _find_sent(context, DeliveryQuery(topic_uid=new.topic_uid, offset=new.offset, limit=_READ))


async def _find_sent(context: OperatorContext, query: DeliveryQuery) -> SentDeliveries:
    """The newest that fit and were no shadows."""
    deliveries: list[Delivery] = []
    for _ in range(MOST_READ // query.limit):
        page = await context.store.outbox.find(query)
        deliveries += [delivery for delivery in page if delivery.state != "shadow"]
        if len(deliveries) >= _SHOWN or len(page) < query.limit:
            return SentDeliveries(deliveries[:_SHOWN], complete=True)
        query = replace(query, before_seq=page[-1].seq)
    return SentDeliveries(deliveries, complete=False)
