"""Destinations that leave the settings: what is still owed to them, and what becomes of it (semantics.md item 16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import structlog

from bridge.routing.commit_batch import UNDECIDABLE
from bridge.routing.open_obligations import OpenObligations
from bridge.settings.model import MoveTo, RemovedDestination
from bridge.sources.set_aside import INBOUND
from broker.model import DeliveryQuery
from broker.store import Store

log = structlog.get_logger("reload")


async def describe_left_behind(store: Store, obligations: OpenObligations, staying: Collection[str]) -> dict[str, str]:
    """What still waits for destinations that are not ``staying``: by destination, in words and with what would help."""
    waiting: Counter[str] = Counter()
    for balance in await store.outbox.balances():
        if balance.state == "waiting":
            waiting[balance.destination] += balance.deliveries
    reasons = {}
    for name in sorted({*waiting, *obligations.held, *obligations.told} - {*staying, UNDECIDABLE, INBOUND}):
        counts = [
            _count_text(waiting[name], "delivery waits for it", "deliveries wait for it"),
            _count_text(obligations.held[name], "event is held for it", "events are held for it"),
            _count_text(obligations.told[name], "open incident was told there", "open incidents were told there"),
        ]
        left = [count for count in counts if count]
        if left:
            reasons[name] = (
                f"destination {name!r} is gone from the settings while {', '.join(left)}; keep it until that is over, "
                f"or write under destinations: {name}: {{removed: dead}} or {name}: {{removed: {{move_to: NAME}}}}"
            )
    return reasons


async def settle_removed(store: Store, removed: Mapping[str, RemovedDestination]) -> None:
    """Do with what waits for removed destinations what the settings say."""
    for name, entry in removed.items():
        if isinstance(entry.removed, MoveTo):
            moved = await store.outbox.move(name, entry.removed.move_to)
            log.info("deliveries moved", destination=name, to=entry.removed.move_to, count=moved)
        else:
            dropped = await _drop_waiting(store, name)
            log.info("deliveries dropped", destination=name, count=dropped)


async def _drop_waiting(store: Store, name: str) -> int:
    dropped = 0
    while deliveries := await store.outbox.find(DeliveryQuery(state="waiting", destination=name, limit=500)):
        count = await store.outbox.drop([delivery.id for delivery in deliveries], f"removed:{name}")
        if not count:
            break
        dropped += count
    return dropped


def _count_text(count: int, text: str, many: str) -> str:
    return f"{count} {text if count == 1 else many}" if count else ""
