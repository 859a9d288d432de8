"""10,000 deliveries to a service that fails three calls of ten at random: each arrives, and none twice without need.

One daemon in a process of its own, real HTTP, a store on disk. What comes twice are tries whose end nobody could know:
the post stood there, and no answer came.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.fakes.trouble import Answer, Close, Hang, Trouble, fail_at_random, too_many
from bridge.routing.ledger import books
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import Attempt, Delivery, DeliveryQuery
from broker.store import Store
from tests.line.process import DaemonProcess, a_free_port

DELIVERIES = 10_000
KEYS = 400
BATCH = 100
FAILING = 0.3
LONGEST_S = 240.0
TOKEN = "random-failures-token"
TROUBLES: Mapping[str, Trouble] = {
    "500": Answer(500, "no"),
    "429": too_many("0.01"),
    "reset before it arrived": Close("after_body", reset=True),
    "hang before it arrived": Hang("after_body"),
    "closed after it arrived": Close("after_accepting"),
    "hang after it arrived": Hang("after_accepting"),
}
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: error, format: json}}
projects: {{P: {{topics: {{T: {{}}}}}}}}
destinations:
  chat:
    type: mattermost
    url: "{url}"
    rate: 3000/s
    burst: 100
    concurrency: 32
    timeout: 500ms
    retry: {{attempts: 40, base: 20ms, max: 200ms}}
    breaker: {{failures: 5, probe_every: 20ms}}
"""
RULES = """
topic: projects/P/topics/T
rules:
  - name: all
    match: {$.n: {exists: true}}
    key: "{{ data.k }}"
    text: "n={{ data.n }}"
    send: chat
"""


@pytest.mark.proof
@pytest.mark.timeout(290)
def test_every_delivery_arrives_while_three_calls_of_ten_fail_at_random(tmp_path: Path) -> None:
    rng = random.Random(20261126)  # noqa: S311 - repeatable, not secret
    with running(FakeMattermost()) as mattermost:
        mattermost.script.always(fail_at_random(FAILING, list(TROUBLES.values()), rng))
        port = a_free_port()
        daemon = DaemonProcess(_configured(tmp_path, port, mattermost.hook_url), cwd=tmp_path)
        try:
            daemon.start()
            _publish(f"http://127.0.0.1:{port}")
            _wait_until_nothing_waits(mattermost, f"http://127.0.0.1:{port}")
            assert daemon.stop() == 0
        finally:
            daemon.close()
        arrivals = _arrivals(mattermost)
        met = Counter(_name_of(attempt.trouble) for attempt in mattermost.attempts)
    asyncio.run(_check(tmp_path, arrivals))
    assert set(met) == {*TROUBLES, ""}, "a trouble never came"
    share = 1 - met[""] / met.total()
    assert FAILING - 0.03 < share < FAILING + 0.03, share


def _name_of(trouble: object) -> str:
    return next((name for name, one in TROUBLES.items() if one is trouble), "")


def _configured(folder: Path, port: int, url: str) -> Path:
    config = folder / "bridge.yaml"
    config.write_text(CONFIG.format(port=port, token=TOKEN, url=url))
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "all.yaml").write_text(RULES)
    return config


def _publish(base_url: str) -> None:
    with httpx.Client(base_url=base_url, headers={"x-api-key": TOKEN}, timeout=30) as http:
        for first in range(0, DELIVERIES, BATCH):
            messages = [{"data": _wire(n)} for n in range(first, first + BATCH)]
            http.post("/v1/projects/P/topics/T:publish", json={"messages": messages}).raise_for_status()


def _wire(n: int) -> str:
    return base64.b64encode(json.dumps({"n": n, "k": n % KEYS}).encode()).decode()


def _arrivals(mattermost: FakeMattermost) -> list[int]:
    """The numbers that stand in the channel, in the order in which they came, repeats included."""
    return [int(post.text.removeprefix("n=")) for post in mattermost.posts]


def _wait_until_nothing_waits(mattermost: FakeMattermost, base_url: str) -> None:
    """Return once the daemon has nothing left to deliver, or when that takes too long."""
    clock = SystemClock()
    ends = clock.monotonic() + LONGEST_S
    with httpx.Client(base_url=base_url, headers={"x-api-key": TOKEN}, timeout=30) as http:
        while clock.monotonic() < ends:
            (topic,) = http.get("/api/ledger").raise_for_status().json()["topics"]
            if topic["sends"]["delivered"] + topic["sends"]["dead"] >= DELIVERIES:
                return
            with contextlib.suppress(TimeoutError):
                mattermost.wait_for_attempts(len(mattermost.attempts) + 500, 0.5)


async def _check(folder: Path, arrivals: Sequence[int]) -> None:
    store = await open_store(f"sqlite://{folder}/state/bridge.db", SystemClock())
    try:
        kept = await _deliveries(store)
        lost = sorted(set(range(DELIVERIES)) - set(arrivals))
        assert not lost, f"{len(lost)} never arrived: {[_shown(n, *kept[n]) for n in lost[:10]]}"
        unsettled = [_shown(n, *one) for n, one in kept.items() if one[0].state != "delivered"]
        assert not unsettled, f"{len(unsettled)} are not on record as delivered: {unsettled[:10]}"
        times = Counter(arrivals)
        needless = [_shown(n, *kept[n]) for n in times if times[n] - 1 > sum(attempt.unclear for attempt in kept[n][1])]
        assert not needless, f"{len(needless)} came again though the outcome was clear: {needless[:10]}"
        assert len(arrivals) > DELIVERIES, "nothing came twice: the unclear ones were not unclear"
        (uid,) = await store.log.topics()
        (book,) = await books(store, {uid: "projects/P/topics/T"})
        assert book.balanced, book
        assert (book.messages.decided, book.sends.delivered, book.sends.dead) == (DELIVERIES, DELIVERIES, 0)
    finally:
        await store.close()
    _check_order(arrivals)


async def _deliveries(store: Store) -> dict[int, tuple[Delivery, Sequence[Attempt]]]:
    """Every delivery with its attempts, by the number it stands for."""
    found: dict[int, tuple[Delivery, Sequence[Attempt]]] = {}
    before = None
    while page := await store.outbox.find(DeliveryQuery(before_seq=before, limit=1_000)):
        for one in page:
            read = await store.outbox.read(one.id)
            assert read is not None
            found[one.new.offset] = read
        before = page[-1].seq
    assert sorted(found) == list(range(DELIVERIES)), "a message was not decided"
    return found


def _shown(n: int, delivery: Delivery, attempts: Sequence[Attempt]) -> str:
    tries = "; ".join(f"{one.outcome}{' unclear' if one.unclear else ''} {one.reason[:60]}" for one in attempts[-3:])
    return f"n={n} is {delivery.state} {delivery.by} after {delivery.tries} tries ({tries})"


def _check_order(arrivals: Sequence[int]) -> None:
    """Within a key each number came first after the one before it was there."""
    first = {n: place for place, n in reversed(list(enumerate(arrivals)))}
    places: dict[int, list[int]] = defaultdict(list)
    for n in range(DELIVERIES):
        places[n % KEYS].append(first[n])
    mixed = [key for key, found in places.items() if found != sorted(found)]
    assert not mixed, f"order was lost within keys {mixed[:10]}"
