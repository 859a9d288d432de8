"""Router and courier on a real SQLite file, and a courier that writes to a receiver over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.delivery.attempts import AttemptResult
from bridge.delivery.courier import Courier
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.webhook import Webhook, WebhookConfig
from bridge.fakes.trouble import Answer, Close, Hang, fail_at_random
from bridge.routing.active_config import ActiveConfig
from bridge.routing.commit_batch import RoutedTopic
from bridge.routing.ledger import books
from bridge.routing.nudges import Nudges
from bridge.routing.router import Router
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Delivery, DeliveryQuery, NewMessage
from broker.store import Store
from tests.fakes.deliveries import NOW_US, put_in, seeded
from tests.fakes.receiver import FakeWebhook, Listener
from tests.fakes.routing import T, an_alert, rules_of

CLOCK = SystemClock()
QUICK = {"base": 0.01, "max": 0.05}


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged, kept from the terminal."""
    with capture_logs() as entries:
        yield entries


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite://{folder / 'bridge.db'}", CLOCK)
    try:
        yield store
    finally:
        await store.close()


class Counted:
    """Waits until enough tries were told that a test is about."""

    def __init__(self) -> None:
        self.tried: list[AttemptResult] = []
        self._more = asyncio.Event()

    def __call__(self, tried: AttemptResult) -> None:
        self.tried.append(tried)
        self._more.set()

    async def until(self, is_enough: Callable[[list[AttemptResult]], bool]) -> None:
        async with CLOCK.timeout(30.0):
            while not is_enough(self.tried):
                self._more.clear()
                await self._more.wait()

    def delivered(self) -> int:
        return sum(type(one.outcome).__name__ == "Delivered" for one in self.tried)


@asynccontextmanager
async def delivering(store: Store, receiver: FakeWebhook, drain_s: float = 5.0, **said: Any) -> AsyncIterator[Counted]:
    """A courier that writes to the receiver; stopped at the end."""
    config = WebhookConfig(
        **{"url": receiver.base_url + "/in", "timeout": 5.0, "retry": QUICK, "concurrency": 8} | said
    )
    destination = Webhook("ops", config, make_client(connections=8, timeout_s=config.timeout), CLOCK)
    counted = Counted()
    courier = Courier("ops", destination, config, store.outbox, CLOCK, seeded(), counted)
    working = asyncio.create_task(courier.run())
    try:
        yield counted
    finally:
        await courier.stop(drain_s)
        await working
        await destination.close()


async def all_of(store: Store) -> dict[str, Delivery]:
    return {one.id: one for one in await store.outbox.find(DeliveryQuery(limit=10_000))}


def ids_at(receiver: FakeWebhook) -> list[str]:
    """The ids of what the receiver accepted, in order of arrival."""
    return [
        one.request.headers["idempotency-key"]
        for one in receiver.attempts
        if one.reply is not None and one.reply.status == 200
    ]


async def test_everything_arrives_once_and_in_order_of_its_key(tmp_path: Path, webhook_receiver: FakeWebhook) -> None:
    async with opened(tmp_path) as store:
        for n in range(30):
            for host in range(10):
                await put_in(store, f"{host}-{n}", order_key=f"host-{host}", due_us=NOW_US)
        async with delivering(store, webhook_receiver) as counted:
            await counted.until(lambda tried: len(tried) == 300)
        arrived = ids_at(webhook_receiver)
        for host in range(10):
            assert [one for one in arrived if one.startswith(f"{host}-")] == [f"{host}-{n}" for n in range(30)]
        assert {one.state for one in (await all_of(store)).values()} == {"delivered"}
        assert len(arrived) == 300


async def test_through_all_kinds_of_trouble_everything_arrives_and_keys_keep_their_order(
    tmp_path: Path, webhook_receiver: FakeWebhook
) -> None:
    troubles = (
        Answer(503),
        Answer(500, at="after_accepting"),
        Close(),
        Close(reset=True),
        Close(at="after_accepting"),
        Close(at="before_body"),
    )
    webhook_receiver.script.always(fail_at_random(0.3, troubles, seeded()))
    async with opened(tmp_path) as store:
        for n in range(10):
            for host in range(8):
                await put_in(store, f"{host}-{n}", order_key=f"host-{host}", due_us=NOW_US)
        retry = QUICK | {"attempts": 1_000}
        async with delivering(store, webhook_receiver, breaker={"failures": 10**6}, retry=retry) as counted:
            await counted.until(lambda tried: counted.delivered() == 80)
        assert {one.state for one in (await all_of(store)).values()} == {"delivered"}
        first_seen = list(dict.fromkeys(ids_at(webhook_receiver)))
        assert len(first_seen) == 80
        for host in range(8):
            assert [one for one in first_seen if one.startswith(f"{host}-")] == [f"{host}-{n}" for n in range(10)]


async def test_a_receiver_that_is_away_and_comes_back_gets_everything_in_order(tmp_path: Path) -> None:
    receiver = FakeWebhook()
    listener = Listener(receiver)
    listener.start()
    listener.stop()
    async with opened(tmp_path) as store:
        await put_in(store, *(f"d{n}" for n in range(20)), order_key="host-1", due_us=NOW_US)
        breaker = {"failures": 3, "probe_every": 0.02}
        async with delivering(store, receiver, breaker=breaker) as counted:
            await counted.until(lambda tried: len(tried) >= 5)
            assert counted.delivered() == 0
            listener.start()
            await counted.until(lambda tried: counted.delivered() == 20)
        listener.stop()
        assert ids_at(receiver) == [f"d{n}" for n in range(20)]
        assert sum(one.attempts for one in (await all_of(store)).values()) == 0


async def test_what_a_stop_cut_off_is_delivered_after_the_next_start(
    tmp_path: Path, webhook_receiver: FakeWebhook
) -> None:
    hang = Hang(at="after_accepting")
    webhook_receiver.script.next(hang)
    async with opened(tmp_path) as store:
        await put_in(store, "d1", "d2", order_key="host-1", due_us=NOW_US)
        async with delivering(store, webhook_receiver, drain_s=0.05):
            await asyncio.to_thread(hang.wait_until_held)
    async with opened(tmp_path) as store:
        found = await store.outbox.read("d1")
        assert found is not None
        delivery, attempts = found
        assert (delivery.state, delivery.unclear, delivery.attempts) == ("waiting", True, 0)
        assert [one.reason for one in attempts] == ["stopped under way"]
        async with delivering(store, webhook_receiver) as counted:
            await counted.until(lambda tried: counted.delivered() == 2)
        assert [one.request.headers["idempotency-key"] for one in webhook_receiver.attempts] == ["d1", "d1", "d2"]


async def test_a_router_on_sqlite_decides_everything_past_poison_and_over_restarts(tmp_path: Path) -> None:
    uid = "uid-t"
    rules = rules_of(
        """
        rules:
          - {name: all, key: "{{ data.host }}", text: "{{ data.host }}", send: ops}
          - {name: held, match: {$.n: 3}, group: {by: [$.host], wait: 1h}, text: x, send: mail}
        """
    )
    payloads = [an_alert(host=f"web{n % 7}", n=n) for n in range(400)]
    payloads[100] = "not json"
    payloads[200] = json.dumps({"host": "x" * 1_000_000})
    payloads[300] = '{"host": "half \\ud800"}'
    for start in range(0, 400, 100):
        async with opened(tmp_path) as store:
            in_force = ActiveConfig(rules, 0)
            routed = asyncio.Event()
            router = Router(
                RoutedTopic(T, uid), 0, store, in_force, CLOCK, Nudges(), lambda batch, done=routed: done.set()
            )
            working = asyncio.create_task(router.run())
            await store.log.append(uid, [NewMessage(one, {}) for one in payloads[start : start + 100]])
            async with CLOCK.timeout(30.0):
                while (book := (await books(store, {uid: T}))[0]).messages.decided < start + 100:
                    routed.clear()
                    await routed.wait()
            router.stop()
            await working
            assert book.balanced
    async with opened(tmp_path) as store:
        found = await store.outbox.find(DeliveryQuery(limit=1_000, rule="all"))
        assert sorted(one.new.offset for one in found) == list(range(400))
        assert {one.state for one in found} == {"waiting"}
        (book,) = await books(store, {uid: T})
        assert (book.sends.held, book.balanced) == (1, True)
