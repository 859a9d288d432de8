"""The history of one key of a rule: what was sent of it, what kept it quiet, and what people did about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from bridge.operate.audit_views import AuditView, audit_view
from bridge.operate.open_incidents import IncidentView, find_open_incident
from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_views import DeliveryView, SilenceView, delivery_view, silence_view
from bridge.operate.topic_names import topic_names
from broker.model import Delivery, DeliveryQuery
from broker.records import SilenceRecord

_MOST_DELIVERIES: Final = 100
_LOOKED_AT: Final = 2_000
_PAGE: Final = 500
_MOST_ENTRIES: Final = 50


class KeyHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a rule: its incident if one is open, its deliveries and what people did, both newest first.

    ``complete`` is false when the key has more deliveries than are shown, or older ones may lie beyond those looked at.
    ``silences`` are those that name this very key, expired ones included.
    """

    rule: str
    key: str
    incident: IncidentView | None
    deliveries: list[DeliveryView]
    complete: bool
    acts: list[AuditView]
    silences: list[SilenceView]


async def read_history(context: OperatorContext, rule: str, key: str) -> KeyHistory:
    """What is known of a key; a key that nothing is known of has an empty one. Raises StoreUnavailable."""
    deliveries, complete = await _of_key(context, rule, key)
    names, now_us = topic_names(context.broker), context.clock.wall_us()
    silences = [record for record in context.broker.cache.list_all(SilenceRecord) if _names_key(record, rule, key)]
    return KeyHistory(
        rule=rule,
        key=key,
        incident=await find_open_incident(context, rule, key),
        deliveries=[delivery_view(delivery, names) for delivery in deliveries],
        complete=complete,
        acts=await _acts(context, f"{rule}: {key}"),
        silences=[silence_view(record, now_us) for record in silences[::-1]],
    )


async def _of_key(context: OperatorContext, rule: str, key: str) -> tuple[Sequence[Delivery], bool]:
    """The newest deliveries of the key, and whether these are all."""
    matching: list[Delivery] = []
    before: int | None = None
    for _ in range(_LOOKED_AT // _PAGE):
        page = await context.store.outbox.find(DeliveryQuery(rule=rule, before_seq=before, limit=_PAGE))
        matching += [each for each in page if key in (each.new.key, each.new.incident) and each.new.part == 0]
        if len(page) < _PAGE or len(matching) > _MOST_DELIVERIES:
            return matching[:_MOST_DELIVERIES], len(matching) <= _MOST_DELIVERIES
        before = page[-1].seq
    return matching, False


async def _acts(context: OperatorContext, target: str) -> list[AuditView]:
    if context.audit is None:
        return []
    entries, _ = await context.audit.list_newest(_MOST_ENTRIES, wanted={"target": target})
    return [audit_view(entry) for entry in entries if entry.entry.target == target]


def _names_key(record: SilenceRecord, rule: str, key: str) -> bool:
    matchers = record.matchers
    return matchers.get("key") == key and matchers.get("rule", rule) == rule
