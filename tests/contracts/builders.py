"""Things to put into a store, each with the one thing changed that a test is about."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from broker.clock import SystemClock
from broker.model import (
    Attempt,
    Commit,
    Cursor,
    CursorMove,
    DecisionRecord,
    Leased,
    NewDelivery,
    NewMessage,
    StatePut,
)
from broker.records import Project, Topic
from broker.store import Store

T = TypeVar("T")

TOPIC = "11111111-1111-4111-8111-111111111111"
OTHER_TOPIC = "22222222-2222-4222-8222-222222222222"
NOW_US = 1_767_225_600_000_000
LATER_US = NOW_US + 7 * 86_400 * 1_000_000


def a_message(data: str = "aGVsbG8=", **attributes: str) -> NewMessage:
    return NewMessage(data, attributes)


def messages(count: int) -> list[NewMessage]:
    return [a_message(f"bWVzc2FnZQ{number}") for number in range(count)]


_DELIVERY = NewDelivery(
    id="d1",
    origin=f"m/{TOPIC}/0/0",
    rule="registry",
    send=0,
    part=0,
    parts=1,
    destination="ops",
    order_key="host-1",
    priority=1,
    post=b'{"text":"down"}',
    phase="firing",
    key="host-1",
    incident="",
    stands_for=1,
    topic_uid=TOPIC,
    offset=0,
    version="v1",
    places={"host": "host-1"},
    severity="critical",
    due_us=NOW_US,
    created_us=NOW_US,
)


def a_delivery(name: str = "d1", **changed: Any) -> NewDelivery:
    """A delivery called ``name``; its origin follows the name, so that no two collide."""
    return replace(_DELIVERY, **({"id": name, "origin": f"m/{TOPIC}/{name}/0"} | changed))


def an_attempt(**changed: Any) -> Attempt:
    return replace(Attempt(NOW_US, 1_500, "delivered", "", counted=True), **changed)


def a_decision(**changed: Any) -> DecisionRecord:
    decided = DecisionRecord(TOPIC, 0, 0, "registry", 0, "ops", "host-1", "sent", "", NOW_US, "v1")
    return replace(decided, **changed)


def a_row(key: str = "r/dedupe/host-1", **changed: Any) -> StatePut:
    return replace(StatePut(key, b"value", "registry", TOPIC, LATER_US), **changed)


def a_move(offset: int, rev: int = 0, name: str = f"r/{TOPIC}") -> CursorMove:
    return CursorMove(Cursor(name, offset, rev))


def a_project(name: str = "EGI", **changed: Any) -> Project:
    uid = changed.pop("uid", f"uid-of-{name}")
    return Project(uid=uid, created_us=NOW_US, modified_us=NOW_US, name=name, **changed)


def a_topic(name: str = "alerts", **changed: Any) -> Topic:
    known = {"uid": TOPIC, "created_us": NOW_US, "modified_us": NOW_US, "project_uid": "p", "name": name}
    return Topic(**(known | changed))


async def put_in(store: Store, *deliveries: NewDelivery) -> None:
    await store.commit(Commit(deliveries=deliveries))


async def lease_all(store: Store, destination: str = "ops", lease_s: float = 30.0) -> dict[str, Leased]:
    return {one.delivery.id: one for one in await store.outbox.lease(destination, 1_000, lease_s)}


async def lease_names(store: Store, limit: int = 1_000, destination: str = "ops") -> Sequence[str]:
    return [one.delivery.id for one in await store.outbox.lease(destination, limit, 30.0)]


async def in_time(awaitable: Awaitable[T]) -> T:
    """What ``awaitable`` gives, if it does so while a test may still run."""
    async with SystemClock().timeout(20):
        return await awaitable
