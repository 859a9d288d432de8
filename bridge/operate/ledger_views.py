"""Shows the books of every topic, over all time and lately (semantics.md item 21)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from bridge.operate.operator_context import OperatorContext
from bridge.operate.operator_times import ago_us, rfc3339
from bridge.operate.topic_names import topic_names
from bridge.routing.ledger import MessageBook, SendBook, TopicBooks, all_balanced, books
from broker.gaps import read_gaps
from broker.names import router_cursor


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """Both books of a topic; ``routed`` is whether rules hear it, or did."""

    topic: str
    balanced: bool
    messages: MessageBook
    sends: SendBook
    routed: bool


class RecentView(msgspec.Struct, frozen=True, kw_only=True):
    """What came and went of a topic lately: how many messages, and its sends by the state they are in."""

    topic: str
    received: int
    sends: dict[str, int]


class LedgerView(msgspec.Struct, frozen=True, kw_only=True):
    """The books; ``since`` and ``recent`` are there when they were asked for."""

    balanced: bool
    topics: list[BookView]
    since: str | UnsetType = UNSET
    recent: list[RecentView] | UnsetType = UNSET


class LedgerBooks(msgspec.Struct, frozen=True):
    """The books as they are kept, for whoever draws more of them than a record shows."""

    books: list[TopicBooks]
    balanced: bool


async def read_books(context: OperatorContext) -> LedgerBooks:
    """The books of every topic, over all time. Raises StoreUnavailable."""
    topic_books = await books(context.store, topic_names(context.broker))
    return LedgerBooks(topic_books, all_balanced(topic_books))


async def read_ledger(context: OperatorContext, since_s: float | None = None) -> LedgerView:
    """The books; with ``since_s`` also what came and went since. Raises InvalidInput, StoreUnavailable."""
    since_us = None if since_s is None else ago_us(context.clock, since_s)
    all_books = await read_books(context)
    return LedgerView(
        balanced=all_books.balanced,
        topics=[
            BookView(
                topic=book.topic,
                balanced=book.balanced,
                messages=book.messages,
                sends=book.sends,
                routed=await context.store.cursors.get(router_cursor(book.uid)) is not None,
            )
            for book in all_books.books
        ],
        since=UNSET if since_us is None else rfc3339(since_us),
        recent=UNSET if since_us is None else await _recent(context, topic_names(context.broker), since_us),
    )


async def _recent(context: OperatorContext, names: Mapping[str, str], since_us: int) -> list[RecentView]:
    log = context.store.log
    states: dict[str, Counter[str]] = {uid: Counter() for uid in names}
    for balance in await context.store.outbox.balances(since_us):
        if balance.topic_uid in states:
            states[balance.topic_uid][balance.state] += balance.stands_for
    views = []
    for uid, name in names.items():
        first = await log.offset_at(uid, since_us)
        end = (await log.bounds(uid)).end
        gaps = await read_gaps(context.store, uid)
        received = 0 if first is None else end - first - gaps.count_within(first, end)
        views.append(RecentView(topic=name, received=received, sends=dict(states[uid])))
    return views
