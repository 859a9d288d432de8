"""The judgement of the chaos proof: what publishers and receiver wrote down, against each other and the store."""

from __future__ import annotations

import asyncio
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from bridge.routing.ledger import TopicBooks, books
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Attempt, Delivery, DeliveryQuery
from broker.store import Store
from tests.line.chaos_publishers import Acknowledged
from tests.line.chaos_receiver import CLEARLY_NOT, Arrival

Message: TypeAlias = tuple[str, int]
"""A key, and a number in it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the daemon's store says when everything is over."""

    deliveries: Sequence[tuple[Delivery, Sequence[Attempt]]]
    messages: int
    book: TopicBooks


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of what was acknowledged. Lists are empty when all is well."""

    acknowledged: int
    arrived: int
    repeats: int
    needless: Sequence[str]
    lost: Sequence[str]
    out_of_order: Sequence[str]
    decided_twice: Sequence[str]
    strange: Sequence[str]


def read_store(folder: Path) -> Kept:
    """Read the store of a daemon that ended."""
    return asyncio.run(_read_store(folder))


async def _read_store(folder: Path) -> Kept:
    store = await open_store(f"sqlite://{folder}/state/bridge.db", SystemClock())
    try:
        deliveries = await _deliveries(store)
        uid = deliveries[0][0].new.topic_uid  # beside it the daemon may have topics of its own
        (book,) = await books(store, {uid: "projects/P/topics/T"})
        bounds = await store.log.bounds(uid)
        return Kept(deliveries, bounds.end, book)
    finally:
        await store.close()


async def _deliveries(store: Store) -> list[tuple[Delivery, Sequence[Attempt]]]:
    found: list[tuple[Delivery, Sequence[Attempt]]] = []
    before = None
    while page := await store.outbox.find(DeliveryQuery(before_seq=before, limit=1_000)):
        for one in page:
            read = await store.outbox.read(one.id)
            assert read is not None
            found.append(read)
        before = page[-1].seq
    return found


def judge(
    acknowledged: Sequence[Acknowledged], arrivals: Sequence[Arrival], kept: Kept, ended_at_s: Sequence[float]
) -> Judgement:
    """Compare all witnesses. ``ended_at_s`` is when the daemon's process ended, each time."""
    by_message: dict[Message, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_message[arrival.key, arrival.n].append(arrival)
    unclear = {one.id: sum(attempt.unclear for attempt in attempts) for one, attempts in kept.deliveries}
    taken = {message: [one for one in came if one.way not in CLEARLY_NOT] for message, came in by_message.items()}
    lost = [one for one in acknowledged if not taken.get((one.key, one.n))]
    states = {one.new.offset: one for one, _ in kept.deliveries}
    return Judgement(
        acknowledged=len(acknowledged),
        arrived=sum(1 for came in taken.values() if came),
        repeats=sum(len(came) - 1 for came in taken.values() if came),
        needless=_needless(by_message, unclear, ended_at_s),
        lost=[f"{one} is {_shown(states.get(one.offset))}" for one in lost],
        out_of_order=_out_of_order(acknowledged, by_message),
        decided_twice=_decided_twice(acknowledged, by_message, kept),
        strange=[f"{_shown(one)} at the end" for one, _ in kept.deliveries if one.state != "delivered"],
    )


def _needless(
    by_message: Mapping[Message, Sequence[Arrival]], unclear: Mapping[str, int], ended_at_s: Sequence[float]
) -> list[str]:
    """What came again although it was taken, no process ended in between, and no try was unclear."""
    found = []
    for message, came in by_message.items():
        again = [
            (one, later)
            for one, later in pairwise(came)
            if one.way == "taken" and bisect(ended_at_s, one.at_s) == bisect(ended_at_s, later.at_s)
        ]
        if len(again) > unclear.get(came[0].delivery_id, 0):
            found.append(f"{message} {came[0].delivery_id} was taken, and came again: {again}")
    return found


def _out_of_order(acknowledged: Sequence[Acknowledged], by_message: Mapping[Message, Sequence[Arrival]]) -> list[str]:
    """Messages that came first before one of the same key that was acknowledged earlier."""
    by_key: dict[str, list[Acknowledged]] = defaultdict(list)
    for one in acknowledged:
        by_key[one.key].append(one)
    found = []
    for mine in by_key.values():
        mine.sort(key=lambda one: one.n)
        for earlier, later in pairwise(mine):
            first = [by_message.get((one.key, one.n)) for one in (earlier, later)]
            if first[0] and first[1] and first[0][0].at_s > first[1][0].at_s:
                found.append(f"{later} came before {earlier}")
            if earlier.offset >= later.offset:
                found.append(f"{later} was stored before {earlier}")
    return found


def _decided_twice(
    acknowledged: Sequence[Acknowledged], by_message: Mapping[Message, Sequence[Arrival]], kept: Kept
) -> list[str]:
    """Messages with two deliveries, and places in the log that two messages were told of."""
    names = {message: {one.delivery_id for one in came} for message, came in by_message.items()}
    found = [f"{message} came as {sorted(ids)}" for message, ids in names.items() if len(ids) > 1]
    messages_of = Counter(delivery_id for ids in names.values() for delivery_id in ids)
    found += [f"{delivery_id} stood for {n} messages" for delivery_id, n in messages_of.items() if n > 1]
    told = Counter(one.offset for one in acknowledged)
    found += [f"{n} messages were told offset {offset}" for offset, n in told.items() if n > 1]
    decided = Counter(one.new.offset for one, _ in kept.deliveries)
    found += [f"offset {offset} has {n} deliveries" for offset, n in decided.items() if n > 1]
    found += [f"offset {offset} has no delivery" for offset in range(kept.messages) if not decided[offset]]
    return found


def _shown(delivery: Delivery | None) -> str:
    if delivery is None:
        return "not decided"
    return f"delivery {delivery.id} of offset {delivery.new.offset}, {delivery.state} {delivery.by}"
