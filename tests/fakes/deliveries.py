"""Deliveries, posts and settings of a destination, each with the one thing changed that a test is about."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from bridge.core.posts import post_to_bytes
from bridge.destinations.base import Delivered, Outcome, Parcel, Preview
from bridge.destinations.config import BreakerSettings, DestinationConfig, RetrySettings
from broker.model import Commit, Delivery, NewDelivery
from broker.store import Store
from rules.model import DestinationFacts, Post

NOW_US = 1_767_225_600_000_000
HOUR_S = 3_600.0


def a_config(**changed: Any) -> DestinationConfig:
    """Settings of a destination; what ``retry`` and ``breaker`` say is added to their defaults."""
    changed["retry"] = RetrySettings(**changed.get("retry", {}))
    changed["breaker"] = BreakerSettings(**changed.get("breaker", {}))
    return DestinationConfig(**({"type": "test"} | changed))


def seeded(seed: int = 0) -> random.Random:
    """Repeatable randomness."""
    return random.Random(seed)  # noqa: S311 - repeatable, not secret


_NEW = NewDelivery(
    id="d1",
    origin="m/topic/0/0",
    rule="disks",
    send=0,
    part=0,
    parts=1,
    destination="ops",
    order_key="host-1",
    priority=1,
    post=post_to_bytes(Post(text="disk full")),
    phase="firing",
    key="host-1",
    incident="",
    stands_for=1,
    topic_uid="topic",
    offset=0,
    version="v1",
    places={},
    severity="critical",
    due_us=NOW_US,
    created_us=NOW_US,
)


def a_new_delivery(name: str = "d1", **changed: Any) -> NewDelivery:
    """A delivery to commit, called ``name``; its origin follows the name, so that no two collide."""
    return replace(_NEW, **({"id": name, "origin": f"m/topic/{name}/0"} | changed))


def a_delivery(**changed: Any) -> Delivery:
    """A delivery as a courier holds it."""
    return replace(Delivery(_NEW, 1, "waiting", NOW_US, leased=True), **changed)


async def put_in(store: Store, *names: str, **changed: Any) -> None:
    """Commit deliveries, each with an order key of its own unless ``order_key`` is given."""
    new = [a_new_delivery(name, **({"order_key": f"key of {name}"} | changed)) for name in names]
    await store.commit(Commit(deliveries=new))


Answer: TypeAlias = Outcome | Exception | Callable[[Parcel], Outcome | Awaitable[Outcome]]


ARRIVES = Delivered()


class Scripted:
    """A destination that answers what it is told to: by ``answers`` one after the other, then ``always``.

    An answer is an outcome, an error to raise, or a function of the parcel that gives (or awaits) an outcome.
    """

    def __init__(self, *answers: Answer, always: Answer = ARRIVES) -> None:
        self.facts = DestinationFacts("ops", "test")
        self.parcels: list[Parcel] = []
        self.delivered: list[str] = []
        self.arrivals: set[int] = set()  # which of the parcels arrived
        self.under_way = 0
        self.most_under_way = 0
        self.closed = False
        self.always = always
        self._answers = list(answers)

    @property
    def tried(self) -> Sequence[str]:
        """The ids of all tries, in the order in which they began."""
        return [parcel.id for parcel in self.parcels]

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        number = len(self.parcels)
        self.parcels.append(parcel)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            outcome = await self._outcome(parcel)
        finally:
            self.under_way -= 1
        if isinstance(outcome, Delivered):
            self.delivered.append(parcel.id)
            self.arrivals.add(number)
        return outcome

    async def _outcome(self, parcel: Parcel) -> Outcome:
        answer = self._answers.pop(0) if self._answers else self.always
        if isinstance(answer, Exception):
            raise answer
        if not callable(answer):
            return answer
        said = answer(parcel)
        return await said if isinstance(said, Awaitable) else said

    async def probe(self) -> Outcome:
        """See Destination."""
        return Delivered()

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        return Preview("nowhere")

    async def close(self) -> None:
        """See Destination."""
        self.closed = True
