"""kill -9 at any moment: no acknowledged message is lost, the books balance, and only what was in flight comes twice.

The points are chosen by progress, not by time: a kill falls after a random number of acknowledged publishes, while
publishing, deciding, delivering and settling all go on.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import threading
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.routing.ledger import books
from broker.clock import SystemClock
from broker.engines import open_store
from broker.store import Store
from tests.line.process import DaemonProcess, a_free_port

KILLS = 50
CONCURRENCY = 8
KEYS = 40
PUBLISHERS = 4
TOKEN = "line-test-token"
MARK = "killed"

CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{T: {{}}}}, subscriptions: {{S: {{topic: T}}}}}}}}
destinations:
  chat:
    type: mattermost
    url: "{url}"
    rate: null
    concurrency: {concurrency}
    timeout: 5s
    retry: {{base: 100ms, max: 1s}}
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


class Publishers:
    """Threads that publish numbered messages as long as the daemon is up, and remember what was acknowledged."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/v1/projects/P/topics/T:publish"
        self._changed = threading.Condition()
        self._up = False
        self._over = False
        self._next = 0
        self.acknowledged: set[int] = set()
        self._threads = [threading.Thread(target=self._publish) for _ in range(PUBLISHERS)]
        for thread in self._threads:
            thread.start()

    def go_on(self, up: bool) -> None:
        with self._changed:
            self._up = up
            self._changed.notify_all()

    def wait_for_more(self, count: int) -> None:
        with self._changed:
            wanted = len(self.acknowledged) + count
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= wanted, 60)

    def finish(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(60)

    def _publish(self) -> None:
        with httpx.Client(headers={"x-api-key": TOKEN}, timeout=30) as http:
            while (numbers := self._taken()) is not None:
                messages = [{"data": _wire(n)} for n in numbers]
                try:
                    answer = http.post(self._url, content=json.dumps({"messages": messages}))
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    with self._changed:
                        self.acknowledged.update(numbers)
                        self._changed.notify_all()

    def _taken(self) -> list[int] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._up or self._over)
            if self._over:
                return None
            numbers = list(range(self._next, self._next + 3))
            self._next += 3
            return numbers


def _wire(n: int) -> str:
    return base64.b64encode(json.dumps({"n": n, "k": n % KEYS}).encode()).decode()


async def _stored(store: Store) -> list[int]:
    (uid,) = await store.log.topics()
    numbers: list[int] = []
    while batch := await store.log.read(uid, len(numbers), 1000, 1 << 24):
        numbers.extend(json.loads(base64.b64decode(message.data))["n"] for message in batch)
    return numbers


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_killed_at_any_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    rng = random.Random(20261123)  # noqa: S311 - repeatable, not secret
    with running(FakeMattermost()) as mattermost:
        port = a_free_port()
        config = tmp_path / "bridge.yaml"
        config.write_text(CONFIG.format(port=port, token=TOKEN, url=mattermost.hook_url, concurrency=CONCURRENCY))
        (tmp_path / "rules.d").mkdir()
        (tmp_path / "rules.d" / "all.yaml").write_text(RULES)
        daemon = DaemonProcess(config, cwd=tmp_path)
        publishers = Publishers(f"http://127.0.0.1:{port}")
        try:
            for _ in range(KILLS):
                daemon.start()
                publishers.go_on(up=True)
                publishers.wait_for_more(rng.randint(1, 250))
                daemon.kill()
                publishers.go_on(up=False)
                _mark(mattermost)
            daemon.start()
            publishers.finish()
            total = _messages_stored(f"http://127.0.0.1:{port}")
            while len(_arrived(mattermost)) < total:
                mattermost.wait_for_posts(len(mattermost.posts) + 1, 60)
            assert daemon.stop() == 0
        finally:
            publishers.go_on(up=True)
            publishers.finish()
            daemon.close()
        texts = [post.text for post in mattermost.posts]
        asyncio.run(_check_store(tmp_path, list(_arrived(mattermost)), publishers.acknowledged))
        _check_repeats(texts)


def _mark(mattermost: FakeMattermost) -> None:
    """Put marks among the posts where the daemon died; what it had sent before is read before the second one."""
    for _ in range(2):
        httpx.post(mattermost.hook_url, json={"text": MARK}).raise_for_status()


def _arrived(mattermost: FakeMattermost) -> dict[int, None]:
    """The numbers that stand in the channel, in the order in which each came first."""
    texts = (post.text for post in mattermost.posts)
    return dict.fromkeys(int(text.removeprefix("n=")) for text in texts if not text.startswith(MARK))


def _messages_stored(base_url: str) -> int:
    answer = httpx.get(f"{base_url}/v1/projects/P/subscriptions/S:offsets", headers={"x-api-key": TOKEN})
    return int(answer.json()["max"])


async def _check_store(tmp_path: Path, arrived: list[int], acknowledged: set[int]) -> None:
    store = await open_store(f"sqlite://{tmp_path}/state/bridge.db", SystemClock())
    try:
        stored = await _stored(store)
        assert acknowledged <= set(stored), "an acknowledged message is not in the log"
        assert len(stored) == len(set(stored))
        assert set(stored) == set(arrived), "a stored message was never delivered"
        (uid,) = await store.log.topics()
        (book,) = await books(store, {uid: "projects/P/topics/T"})
        assert book.balanced
        assert book.sends.delivered == len(stored)
        assert (book.messages.decided, book.messages.undecided) == (len(stored), 0)
    finally:
        await store.close()
    first = {n: place for place, n in enumerate(arrived)}
    by_key: dict[int, list[int]] = defaultdict(list)
    for n in stored:
        by_key[n % KEYS].append(first[n])
    assert all(places == sorted(places) for places in by_key.values()), "order within a key was lost"


def _check_repeats(texts: list[str]) -> None:
    """A post comes again only after a kill; each leaves at most CONCURRENCY tries in flight, no two of one line."""
    marks = kills = 0
    seen_after: dict[str, int] = {}
    repeats_of: dict[tuple[int, int], int] = defaultdict(int)
    for text in texts:
        if text.startswith(MARK):
            marks += 1
            continue
        kills = marks // 2
        if text in seen_after:
            assert kills > seen_after[text], f"{text} came again without a kill in between"
            repeats_of[seen_after[text], int(text.removeprefix("n=")) % KEYS] += 1
        seen_after[text] = kills
    assert marks == 2 * KILLS
    assert set(repeats_of.values()) <= {1}, repeats_of
    repeats_after = Counter(kill for kill, _ in repeats_of)
    assert all(count <= CONCURRENCY for count in repeats_after.values()), repeats_after
