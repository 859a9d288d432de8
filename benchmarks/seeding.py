"""Stores with something in them before a daemon starts: messages long decided, or deliveries that wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks import daemon
from benchmarks.deliveries import message
from bridge.core.posts import post_to_bytes
from broker.broker import Broker, BrokerSettings
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Commit, NewDelivery, NewMessage
from broker.names import router_cursor
from broker.records import Topic
from broker.store import Store
from rules.model import Field, Post

_CLOCK: Final = SystemClock()
_APPEND: Final = 2_000
_COMMIT: Final = 500
_POST: Final = Post(
    text=":red_circle: **SITE-5** is CRITICAL :red_circle:\n**Summary**: Socket timeout after 30 seconds",
    severity="critical",
    fields=(Field("service", "eu.egi.CE"), Field("host", "ce01.example.org")),
)


def make_store(folder: Path, url: str) -> Path:
    """The configuration of a daemon that started and stopped once, and so made its store."""
    config = daemon.write_config(folder, url)
    with daemon.running(config):
        pass
    return config


@asynccontextmanager
async def _opened(config: Path) -> AsyncIterator[tuple[Store, str]]:
    """The store of a daemon that does not run, and the uid of the topic that rules hear."""
    store = await open_store(f"sqlite://{config.parent / 'state' / 'bridge.db'}", _CLOCK)
    try:
        broker = Broker(store, _CLOCK, BrokerSettings(sealing_key=bytes(32)))
        await broker.load()
        uid = next(topic.uid for topic in broker.cache.list_all(Topic) if daemon.TOPIC.endswith(f"/{topic.name}"))
        yield store, uid
    finally:
        await store.close()


async def store_messages(config: Path, count: int) -> None:
    """Put messages into the topic, all of them behind its router, which begins at the end."""
    async with _opened(config) as (store, topic_uid):
        await store.cursors.delete(router_cursor(topic_uid))
        for first in range(0, count, _APPEND):
            texts = (str(message(f"h{n}")["data"]) for n in range(first, min(first + _APPEND, count)))
            await store.log.append(topic_uid, [NewMessage(text, {}) for text in texts])


async def store_deliveries(config: Path, count: int) -> None:
    """Put deliveries into the outbox, some hundred to a commit, as a router does."""
    post, now_us = post_to_bytes(_POST), _CLOCK.wall_us()
    async with _opened(config) as (store, topic_uid):
        for first in range(0, count, _COMMIT):
            numbers = range(first, min(first + _COMMIT, count))
            await store.commit(Commit(deliveries=[a_delivery(n, topic_uid, post, now_us) for n in numbers]))


def a_delivery(number: int, topic_uid: str, post: bytes, now_us: int) -> NewDelivery:
    """One of many, with an order key of its own."""
    return NewDelivery(
        id=f"{number:032x}",
        origin=f"m/{topic_uid}/{number}/0",
        rule="status-alerts",
        send=0,
        part=0,
        parts=1,
        destination="receiver",
        order_key=f"host-{number}",
        priority=1,
        post=post,
        phase="message",
        key=f"host-{number}",
        incident="",
        stands_for=1,
        topic_uid=topic_uid,
        offset=number,
        version="v1",
        places={"host": f"host-{number}"},
        severity="critical",
        due_us=now_us,
        created_us=now_us,
    )
