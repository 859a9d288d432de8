"""The books: every message and every decided send accounted for (semantics.md item 21).

Messages of a topic: received = unmatched + dropped + decided + undecided + unrouted + expired.
Decided sends of a topic: decided = held + waiting + delivered + suppressed + folded + cancelled + dead + dropped +
shadow + updated.
Offsets that a restore passed over are no messages, and stand in no book. Nothing here is made to fit: each number comes
from where it is kept, and ``balanced`` compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.routing.commit_batch import SENDS
from bridge.routing.message_fates import FATES
from broker.gaps import gaps_of
from broker.model import Balance
from broker.names import router_cursor
from broker.store import Store


@dataclass(frozen=True, slots=True)
class MessageBook:
    """What became of the messages of a topic."""

    received: int
    unmatched: int
    dropped: int
    decided: int
    undecided: int
    unrouted: int
    expired: int

    @property
    def balanced(self) -> bool:
        """Whether every message received stands in exactly one place."""
        placed = self.unmatched + self.dropped + self.decided + self.undecided + self.unrouted + self.expired
        return self.received == placed and self.undecided >= 0


@dataclass(frozen=True, slots=True)
class SendBook:
    """What became of the decided sends of a topic.

    A group that collects from several topics posts under its home topic: ``held`` is then negative there and positive
    in the others, and each book still balances.
    """

    decided: int
    held: int = 0
    waiting: int = 0
    delivered: int = 0
    suppressed: int = 0
    folded: int = 0
    cancelled: int = 0
    dead: int = 0
    dropped: int = 0
    shadow: int = 0
    updated: int = 0
    suppressed_by: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether every decided send stands in exactly one place."""
        parts = (self.held, self.waiting, self.delivered, self.suppressed, self.folded, self.cancelled)
        more = (self.dead, self.dropped, self.shadow, self.updated)
        return self.decided == sum(parts) + sum(more)


@dataclass(frozen=True, slots=True)
class TopicBooks:
    """Both books of a topic."""

    topic: str
    uid: str
    messages: MessageBook
    sends: SendBook

    @property
    def balanced(self) -> bool:
        """Whether both books balance."""
        return self.messages.balanced and self.sends.balanced


async def books(store: Store, topics: Mapping[str, str]) -> list[TopicBooks]:
    """The books of ``topics`` (uid to full name), of all time.

    The numbers are read one after another; on a busy daemon a topic is read again when its books moved meanwhile.
    """
    counters = _by_topic(await store.counters())
    balances: dict[str, list[Balance]] = {}
    for balance in await store.outbox.balances():
        balances.setdefault(balance.topic_uid, []).append(balance)
    topic_books = []
    for uid, name in topics.items():
        book = await _topic_books(store, uid, name, counters.get(uid, {}), balances.get(uid, []))
        for _ in range(5):
            if book.balanced:
                break
            again = _by_topic(await store.counters(uid)).get(uid, {})
            moved = [balance for balance in await store.outbox.balances() if balance.topic_uid == uid]
            book = await _topic_books(store, uid, name, again, moved)
        topic_books.append(book)
    return topic_books


def _by_topic(counters: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    by_topic: dict[str, dict[str, int]] = {}
    for (uid, name), n in counters.items():
        by_topic.setdefault(uid, {})[name] = n
    return by_topic


async def _topic_books(
    store: Store, uid: str, name: str, counters: Mapping[str, int], balances: Iterable[Balance]
) -> TopicBooks:
    cursor = await store.cursors.get(router_cursor(uid))
    end, gaps = (await store.log.bounds(uid)).end, gaps_of(counters)
    received = end - gaps.count_within(0, end)
    fates = {fate: counters.get(fate, 0) for fate in FATES}
    if cursor is None:
        fates["unrouted"] += received - sum(fates.values())
    undecided = 0 if cursor is None else end - cursor.offset - gaps.count_within(cursor.offset, end)
    return TopicBooks(
        topic=name,
        uid=uid,
        messages=MessageBook(received=received, undecided=undecided, **fates),
        sends=_send_book(counters, balances),
    )


def _send_book(counters: Mapping[str, int], balances: Iterable[Balance]) -> SendBook:
    counted = {name.removeprefix(SENDS): n for name, n in counters.items() if name.startswith(SENDS)}
    settled: dict[str, int] = {}
    suppressed_by: dict[str, int] = {}
    for balance in balances:
        settled[balance.state] = settled.get(balance.state, 0) + balance.stands_for
        if balance.state == "suppressed":
            suppressed_by[balance.by] = suppressed_by.get(balance.by, 0) + balance.stands_for
    for name, n in counted.items():
        if name.startswith("suppressed/"):
            by = name.removeprefix("suppressed/")
            suppressed_by[by] = suppressed_by.get(by, 0) + n
    return SendBook(
        decided=counted.get("decided", 0),
        held=counted.get("held", 0),
        waiting=settled.get("waiting", 0),
        delivered=settled.get("delivered", 0),
        suppressed=sum(suppressed_by.values()),
        folded=settled.get("folded", 0),
        cancelled=settled.get("cancelled", 0),
        dead=settled.get("dead", 0),
        dropped=settled.get("dropped", 0) + sum(n for name, n in counted.items() if name.startswith("dropped/")),
        shadow=counted.get("shadow", 0) + settled.get("shadow", 0),  # counted only, before they were kept
        updated=counted.get("updated", 0),
        suppressed_by=suppressed_by,
    )


def all_balanced(topic_books: Sequence[TopicBooks]) -> bool:
    """Whether the books of every topic balance, and no more was released over all topics than was held."""
    return all(book.balanced for book in topic_books) and sum(book.sends.held for book in topic_books) >= 0
