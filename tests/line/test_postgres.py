"""The daemon on a store in PostgreSQL: the whole line, restarts, kills, and a database that goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.routing.ledger import books
from broker.clock import SystemClock
from broker.engines import open_store
from tests.contracts.postgres_databases import an_empty_database
from tests.line.process import DaemonProcess, a_free_port
from tests.line.test_kill import KEYS, RULES, TOKEN, Publishers

KILLS = 4
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: {store}
node: {node}
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{T: {{}}}}, subscriptions: {{S: {{topic: T}}}}}}}}
destinations:
  chat: {{type: mattermost, url: "{url}", rate: null, concurrency: 8, timeout: 5s, retry: {{base: 100ms, max: 1s}}}}
"""


class Node:
    """A daemon process on the database, with what it posts to."""

    def __init__(
        self,
        folder: Path,
        mattermost: FakeMattermost,
        store: str,
        name: str = "one",
        config: str = CONFIG,
        rules: Sequence[str] = (RULES,),
    ) -> None:
        self.name = name
        self.store = store
        self.mattermost = mattermost
        self._folder = folder
        port = a_free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        settings = folder / "bridge.yaml"
        settings.write_text(config.format(port=port, token=TOKEN, url=mattermost.hook_url, store=store, node=name))
        (folder / "rules.d").mkdir()
        for number, text in enumerate(rules):
            (folder / "rules.d" / f"{number}.yaml").write_text(text)
        self.daemon = DaemonProcess(settings, cwd=folder)

    def start(self) -> None:
        self.daemon.start(STATE_DIRECTORY=str(self._folder))

    def publish(self, *numbers: int) -> None:
        messages = [{"data": _wire(n)} for n in numbers]
        answer = httpx.post(
            f"{self.base_url}/v1/projects/P/topics/T:publish",
            content=json.dumps({"messages": messages}),
            headers={"x-api-key": TOKEN},
            timeout=30,
        )
        answer.raise_for_status()


def _wire(n: int) -> str:
    import base64

    return base64.b64encode(json.dumps({"n": n, "k": n % KEYS}).encode()).decode()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with running(FakeMattermost()) as mattermost:
        node = Node(tmp_path, mattermost, an_empty_database("line"))
        try:
            yield node
        finally:
            node.daemon.close()


def _arrived(node: Node) -> list[int]:
    return list(dict.fromkeys(int(post.text.removeprefix("n=")) for post in node.mattermost.posts))


def test_what_is_published_stands_in_the_channel_before_and_after_a_restart(node: Node) -> None:
    node.start()
    node.publish(1, 2, 3)
    node.mattermost.wait_for_posts(3, 20)
    assert node.daemon.stop() == 0
    node.start()
    node.publish(4)
    node.mattermost.wait_for_posts(4, 20)
    assert node.daemon.stop() == 0
    assert sorted(_arrived(node)) == [1, 2, 3, 4]


def test_killed_while_all_goes_on_it_loses_nothing_and_keeps_the_order_of_a_key(node: Node) -> None:
    publishers = Publishers(node.base_url)
    try:
        for _ in range(KILLS):
            node.start()
            publishers.go_on(up=True)
            publishers.wait_for_more(60)
            node.daemon.kill()
            publishers.go_on(up=False)
        node.start()
        publishers.finish()
        asyncio.run(wait_until_settled(node.store))
        assert node.daemon.stop() == 0
    finally:
        publishers.go_on(up=True)
        publishers.finish()
    asyncio.run(check_store(node, publishers.acknowledged))


async def wait_until_settled(url: str) -> None:
    """Return when all that was stored was decided and nothing waits."""
    clock = SystemClock()
    async with clock.timeout(60):
        from broker.engines import open_reader

        store = await open_reader(url, clock)
        try:
            for cursor in await store.cursors.list("r/"):
                while cursor.offset < (await store.log.bounds(cursor.id.removeprefix("r/"))).end:
                    await clock.sleep(0.05)
                    cursor = await store.cursors.get(cursor.id) or cursor
            while any(one.state == "waiting" for one in await store.outbox.balances()):
                await clock.sleep(0.05)
        finally:
            await store.close()


async def check_store(node: Node, acknowledged: set[int]) -> None:
    store = await open_store(node.store, SystemClock(), "looker")
    try:
        (uid,) = [topic for topic in await store.log.topics() if await store.cursors.get(f"r/{topic}")]
        found = await store.log.read(uid, 0, 100_000, 1 << 30)
        assert [message.offset for message in found] == list(range(len(found)))
        stored = [json.loads(_text(message.data))["n"] for message in found]
        assert acknowledged <= set(stored), "an acknowledged message is not in the log"
        assert set(stored) == set(_arrived(node)), "a stored message was never delivered"
        (book,) = await books(store, {uid: "projects/P/topics/T"})
        assert book.balanced
        assert (book.sends.delivered, book.messages.decided) == (len(stored), len(stored))
        place = {n: at for at, n in enumerate(_arrived(node))}
        for key in range(KEYS):
            of_key = [place[n] for n in dict.fromkeys(stored) if n % KEYS == key]
            assert of_key == sorted(of_key), "order within a key was lost"
    finally:
        await store.close()


def _text(data: str) -> bytes:
    import base64

    return base64.b64decode(data)
