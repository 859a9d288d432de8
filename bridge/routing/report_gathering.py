"""Looks up what a rule with ``schedule:`` reports: what is open, what was told and who took it, from the store.

Read in pages, with turns for others in between. A post that is decided while this reads is in the next report.
"""

from __future__ import annotations

from typing import Final

from bridge.core.audit import AuditTrail
from bridge.core.waiting import Turn
from bridge.routing.commit_batch import present
from broker.clock import Clock
from broker.model import Delivery, DeliveryQuery
from broker.store import Store
from rules.deciding.quiet.open_alerts import open_alert
from rules.deciding.report_facts import OpenAlert, ReportFacts, TakenAlert, ToldPost

MOST_READ: Final = 20_000
"""So many posts, open alerts and takes are read at most; beyond that a report says that it is not complete."""
_PAGE: Final = 500
_TURN_S: Final = 0.005
_TAKE: Final = "incident.take"
_OURS: Final = "("
"""How the names of rules begin that are none of the files: pages, canaries, what could not be decided."""


async def gather_report(store: Store, clock: Clock, since_us: int) -> ReportFacts:
    """All facts from ``since_us`` on. Raises StoreUnavailable."""
    turn = Turn(clock, _TURN_S)
    posts, all_posts = await _read_posts(store, since_us, turn)
    alerts, all_open = await _read_open(store, turn)
    trail = AuditTrail(store.log, clock, 0.0)
    takes, more = await trail.list_newest(MOST_READ, since_us=since_us, wanted={"what": _TAKE})
    taken: list[TakenAlert] = []
    for stored in reversed(takes):
        rule, colon, key = stored.entry.target.partition(": ")
        if colon and stored.entry.outcome == "done":
            taken.append(TakenAlert(rule, key, stored.at_us))
    return ReportFacts(tuple(alerts), tuple(posts), tuple(taken), all_posts and all_open and more is None)


async def _read_posts(store: Store, since_us: int, turn: Turn) -> tuple[list[ToldPost], bool]:
    """The posts of rules since then, the oldest first, and whether these are all."""
    posts: list[ToldPost] = []
    before: int | None = None
    while page := await store.outbox.find(DeliveryQuery(since_us=since_us, before_seq=before, limit=_PAGE)):
        posts += [post for delivery in page if (post := _post_of(delivery)) is not None]
        before = page[-1].seq
        if len(posts) >= MOST_READ:
            return posts[::-1], False
        await turn.give()
    return posts[::-1], True


def _post_of(delivery: Delivery) -> ToldPost | None:
    new = delivery.new
    if new.part != new.parts - 1 or new.rule.startswith(_OURS) or new.phase == "report":
        return None
    return ToldPost(new.rule, new.incident or new.key, new.phase, new.created_us, new.destination)


async def _read_open(store: Store, turn: Turn) -> tuple[list[OpenAlert], bool]:
    """The incidents that fire, and whether these are all. Each has a due time, so nothing else is read."""
    alerts: list[OpenAlert] = []
    after = ""
    while rows := await store.state.list("k/", _PAGE, after, timed=True):
        after = rows[-1].key
        for row in map(present, rows):
            alert = open_alert(row.key, row.value, row.rule)
            if alert is not None:
                alerts.append(alert)
        if len(alerts) >= MOST_READ:
            return alerts, False
        await turn.give()
    return alerts, True
