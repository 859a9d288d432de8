"""Three nodes on three servers of PostgreSQL, and whatever goes wrong: what was acknowledged is decided and sent once.

The judges stand outside: what publishers were told, and what stands in the channel. AMS_BRIDGE_NODES_ROUNDS and
AMS_BRIDGE_NODES_SEED choose another life.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import psycopg
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from bridge.routing.ledger import books
from broker.clock import SystemClock
from broker.engines import open_reader
from tests.line.postgres_cluster import Cluster, a_cluster
from tests.line.test_kill import KEYS, TOKEN
from tests.line.test_postgres import Node, wait_until_settled

ROUNDS: Final = int(os.environ.get("AMS_BRIDGE_NODES_ROUNDS", "20"))
SEED: Final = int(os.environ.get("AMS_BRIDGE_NODES_SEED", "20261130"))
NAMES: Final = ("one", "two", "three")
PUBLISHERS: Final = 3
PAUSED_S: Final = 6.0  # past its leases
CLOCK: Final = SystemClock()


class Publishers:
    """Threads that publish numbers at any node, and remember what was acknowledged."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._changed = threading.Condition()
        self._over = False
        self._next = 0
        self.acknowledged: set[int] = set()
        self.refused = 0
        self._threads = [threading.Thread(target=self._publish, args=(number,)) for number in range(PUBLISHERS)]
        for thread in self._threads:
            thread.start()

    def wait_for_more(self, count: int, within_s: float) -> bool:
        with self._changed:
            wanted = len(self.acknowledged) + count
            return self._changed.wait_for(lambda: len(self.acknowledged) >= wanted, within_s)

    def finish(self) -> None:
        with self._changed:
            self._over = True
        for thread in self._threads:
            thread.join(60)

    def _publish(self, number: int) -> None:
        rng = random.Random(SEED + number)  # noqa: S311 - repeatable, not secret
        with httpx.Client(headers={"x-api-key": TOKEN}, timeout=5) as http:
            while (taken := self._taken()) is not None:
                data = base64.b64encode(json.dumps({"n": taken, "k": taken % KEYS}).encode()).decode()
                url = f"{rng.choice(self._urls)}/v1/projects/P/topics/T:publish"
                try:
                    answer = http.post(url, content=json.dumps({"messages": [{"data": data}]}))
                except httpx.TransportError:
                    self._note(taken, is_in=False)
                else:
                    self._note(taken, is_in=answer.status_code == 200)

    def _taken(self) -> int | None:
        with self._changed:
            self._next += 1
            return None if self._over else self._next

    def _note(self, taken: int, *, is_in: bool) -> None:
        with self._changed:
            if is_in:
                self.acknowledged.add(taken)
                self._changed.notify_all()
            else:
                self.refused += 1
        CLOCK.pause(0.002 if is_in else 0.05)


def kill_a_node(cluster: Cluster, node: Node, rng: random.Random) -> None:
    node.daemon.kill()
    CLOCK.pause(rng.choice([0.0, 0.5, 5.0]))
    node.start()


def stop_a_node(cluster: Cluster, node: Node, rng: random.Random) -> None:
    assert node.daemon.stop() == 0
    CLOCK.pause(rng.choice([0.0, 1.0]))
    node.start()


def pause_a_node(cluster: Cluster, node: Node, rng: random.Random) -> None:
    node.daemon.signal(signal.SIGSTOP)
    CLOCK.pause(rng.choice([1.0, PAUSED_S]))
    node.daemon.signal(signal.SIGCONT)


def cut_connections(cluster: Cluster, node: Node, rng: random.Random) -> None:
    for _ in range(5):
        cluster.primary.tell(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'ams-bridge%' AND random() < 0.5"
        )
        CLOCK.pause(0.2)


def restart_the_primary(cluster: Cluster, node: Node, rng: random.Random) -> None:
    cluster.primary.kill()
    CLOCK.pause(rng.choice([0.0, 1.0]))
    cluster.primary.start()


def fail_over(cluster: Cluster, node: Node, rng: random.Random) -> None:
    cluster.fail_over()


FAULTS: Final = (kill_a_node, stop_a_node, pause_a_node, cut_connections, restart_the_primary, fail_over)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with a_cluster() as cluster:
        yield cluster


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_whatever_goes_wrong_on_three_nodes_what_was_acknowledged_is_decided_and_sent_once(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    with ExitStack() as undoing:
        mattermost = undoing.enter_context(running(FakeMattermost()))
        nodes = [_begun(tmp_path / name, mattermost, cluster, name, undoing) for name in NAMES]
        publishers = Publishers([node.base_url for node in nodes])
        undoing.callback(publishers.finish)
        counts = dict.fromkeys((fault.__name__ for fault in FAULTS), 0)
        for number in range(ROUNDS):
            fault = FAULTS[number] if number < len(FAULTS) else rng.choice(FAULTS)
            node = rng.choice(nodes)
            counts[fault.__name__] += 1
            fault(cluster, node, rng)
            assert publishers.wait_for_more(rng.randint(5, 30), 60), f"round {number}, after {fault.__name__}"
        publishers.finish()
        asyncio.run(wait_until_settled(cluster.url))
        for node in nodes:
            assert node.daemon.stop() == 0
        stored, posts = asyncio.run(_judge(cluster.url, publishers.acknowledged, mattermost))
        refused = sum("a write came too late" in node.daemon.log for node in nodes)
    with capsys.disabled():
        print(  # noqa: T201 - what the proof is run for
            f"\nnodes: seed {SEED}, {ROUNDS} rounds; {counts}; acknowledged {len(publishers.acknowledged)}, not "
            f"{publishers.refused}, stored {stored}, posts {posts}; nodes whose late write was refused: {refused}"
        )


def _begun(folder: Path, mattermost: FakeMattermost, cluster: Cluster, name: str, undoing: ExitStack) -> Node:
    folder.mkdir()
    node = Node(folder, mattermost, cluster.url, name)
    undoing.callback(node.daemon.close)
    if name != NAMES[0]:
        (folder / "sealing.key").symlink_to(folder.parent / NAMES[0] / "sealing.key")
    node.start()
    return node


async def _judge(url: str, acknowledged: set[int], mattermost: FakeMattermost) -> tuple[int, int]:
    """Nothing acknowledged is lost, what is stored stands in the channel, keys keep their order, the books balance."""
    arrived = list(dict.fromkeys(int(post.text.removeprefix("n=")) for post in mattermost.posts))
    store = await open_reader(url, CLOCK)
    try:
        (uid,) = [topic for topic in await store.log.topics() if await store.cursors.get(f"r/{topic}")]
        found = await store.log.read(uid, 0, 1_000_000, 1 << 30)
        stored = [json.loads(base64.b64decode(message.data))["n"] for message in found]
        assert [message.offset for message in found] == list(range(len(found)))
        assert acknowledged <= set(stored), "an acknowledged message is not in the log"
        assert set(stored) == set(arrived), "a stored message was never delivered"
        (book,) = await books(store, {uid: "projects/P/topics/T"})
        assert book.balanced
        assert (book.sends.delivered, book.messages.decided) == (len(stored), len(stored))
        place = {n: at for at, n in enumerate(arrived)}
        for key in range(KEYS):
            of_key = [place[n] for n in dict.fromkeys(stored) if n % KEYS == key]
            assert of_key == sorted(of_key), "order within a key was lost"
    finally:
        await store.close()
    with psycopg.connect(url) as db:
        (twice,) = db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM decisions GROUP BY topic_uid, msg_offset, item, rule, send "
            "HAVING count(*) > 1) AS decided"
        ).fetchone() or (0,)
    assert twice == 0, "a message was decided twice"
    return len(stored), len(mattermost.posts)
