"""A source that fetches: each message is appended once, whatever comes again, fails, or is refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from bridge.plugin import FetchConfig, FetchedMessage, FetchPlugin, FetchTrouble
from bridge.sources.fetching_source import FetchWorker
from bridge.sources.set_aside import RefusedMessage
from bridge.sources.source_kinds import _adopt
from broker.errors import MessageInvalid, OutcomeUnknown, StoreUnavailable
from broker.model import Appended, NewMessage
from rules.plugins import NotAPlugin
from tests.fakes.brokers import Stage, a_message, a_stage


class QueueConfig(FetchConfig):
    type: str = "queue"


class Items:
    """A fetcher over a list; what it is told to raise comes first."""

    def __init__(self, **items: str) -> None:
        self.items = dict(items)
        self.acknowledged: list[str] = []
        self.troubles: list[Exception] = []
        self.forgets = True
        self.is_closed = False

    async def fetch(self) -> Sequence[FetchedMessage]:
        if self.troubles:
            raise self.troubles.pop(0)
        return [FetchedMessage(name, a_message(data)) for name, data in self.items.items()]

    async def acknowledge(self, ids: Sequence[str]) -> None:
        self.acknowledged += ids
        for name in ids if self.forgets else ():
            self.items.pop(name, None)

    async def close(self) -> None:
        self.is_closed = True


class Kept:
    """Where messages go: a topic that may refuse them, or not say whether it took them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.errors: list[Exception] = []
        self.refused: list[RefusedMessage] = []

    async def append(self, messages: Sequence[NewMessage], producer_key: str) -> Appended:
        if self.errors and not isinstance(self.errors[0], OutcomeUnknown):
            raise self.errors.pop(0)
        appended = await self.stage.broker.publish(self.stage.topic, list(messages), producer_key)
        if self.errors:
            raise self.errors.pop(0)
        return appended

    async def put_aside(self, refused: RefusedMessage) -> None:
        self.refused.append(refused)

    async def data(self) -> list[str]:
        return [message.data for message in await self.stage.broker.store.log.read(self.stage.topic.uid, 0, 100, 10**6)]


def a_worker(kept: Kept, items: Items) -> FetchWorker:
    config = QueueConfig(topic="projects/P/topics/T", poll=60.0)
    clock = kept.stage.clock
    return FetchWorker("q", config, lambda: items, kept.append, kept.put_aside, clock, random.Random(1))  # noqa: S311


async def test_what_is_fetched_is_appended_in_order_and_then_acknowledged() -> None:
    kept, items = Kept(await a_stage()), Items(a="YQ==", b="Yg==")
    assert await a_worker(kept, items).step(items) == 2
    assert await kept.data() == ["YQ==", "Yg=="]
    assert items.acknowledged == ["a", "b"]
    assert await a_worker(kept, items).step(items) == 0
    assert items.acknowledged == ["a", "b"]


async def test_what_comes_again_is_appended_once() -> None:
    kept, items = Kept(await a_stage()), Items(a="YQ==")
    items.forgets = False
    for _ in range(3):
        await a_worker(kept, items).step(items)
    items.items["b"] = "Yg=="
    await a_worker(kept, items).step(items)
    assert await kept.data() == ["YQ==", "Yg=="]


async def test_a_store_that_does_not_say_whether_it_took_a_message_is_asked_again() -> None:
    kept, items = Kept(await a_stage()), Items(a="YQ==")
    kept.errors = [OutcomeUnknown("who knows")]
    await a_worker(kept, items).step(items)
    assert await kept.data() == ["YQ=="]
    assert items.acknowledged == ["a"]


async def test_a_message_that_the_topic_refuses_is_put_aside_and_acknowledged() -> None:
    kept, items = Kept(await a_stage()), Items(a="YQ==", b="Yg==")
    kept.errors = [MessageInvalid("no such field")]
    await a_worker(kept, items).step(items)
    assert await kept.data() == ["Yg=="]
    assert [(one.source, one.origin, one.message.data) for one in kept.refused] == [("q", "q/a", "YQ==")]
    assert items.acknowledged == ["a", "b"]


async def test_nothing_is_acknowledged_before_it_is_kept() -> None:
    kept, items = Kept(await a_stage()), Items(a="YQ==")
    kept.errors = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        await a_worker(kept, items).step(items)
    assert items.acknowledged == []


async def test_trouble_is_waited_out_and_the_fetcher_closed_at_the_end() -> None:
    kept, items = Kept(await a_stage()), Items(a="YQ==")
    items.troubles = [FetchTrouble("away"), FetchTrouble("away")]
    working = asyncio.create_task(a_worker(kept, items).run())
    for _ in range(4):
        await kept.stage.clock.advance(120.0)
    assert await kept.data() == ["YQ=="]
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert items.is_closed


def test_a_plugin_that_is_no_source_is_told() -> None:
    kind = _adopt("queue", FetchPlugin(1, QueueConfig, lambda name, config, clock: Items()))
    assert kind.config is QueueConfig
    assert kind.messages is None
    for name, plugin, why in (
        ("queue", object(), "no SourcePlugin and no FetchPlugin"),
        ("queues", FetchPlugin(1, QueueConfig, lambda name, config, clock: Items()), 'does not say type: "queues"'),
        ("queue", FetchPlugin(1, dict, lambda name, config, clock: Items()), "its config is no FetchConfig"),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotAPlugin, match=why):
            _adopt(name, plugin)
