"""Three nodes, each behind a proxy of its own, on three servers of PostgreSQL, and who publishes to them."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from broker.clock import SystemClock
from broker.engines import open_reader
from broker.records import Topic
from tests.line.late_writes import install_judge
from tests.line.postgres_cluster import Cluster, a_cluster
from tests.line.proxy_process import ProxyProcess
from tests.line.test_kill import KEYS, TOKEN
from tests.line.test_postgres import Node

CLOCK: Final = SystemClock()
NAMES: Final = ("one", "two", "three")
TOPICS: Final = ("T0", "T1", "T2")
PUBLISHERS: Final = 3
CONFIG: Final = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: {store}
node: {node}
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{T0: {{}}, T1: {{}}, T2: {{}}}}}}}}
destinations:
  chat0: &chat {{type: mattermost, url: "{url}", rate: null, timeout: 5s, retry: {{base: 100ms, max: 1s}}}}
  chat1: *chat
  chat2: *chat
"""
RULES: Final = [
    f"""
topic: projects/P/topics/{topic}
rules:
  - name: all-{topic}
    match: {{$.n: {{exists: true}}}}
    key: "{{{{ data.k }}}}"
    text: "n={{{{ data.n }}}}"
    send: chat{number}
"""
    for number, topic in enumerate(TOPICS)
]


def topic_of(number: int) -> str:
    """The topic that a number is published to: all of a key go to one."""
    return TOPICS[number % KEYS % len(TOPICS)]


class Publishers:
    """Threads that publish numbers at any node, and remember what was acknowledged."""

    def __init__(self, urls: list[str], seed: int) -> None:
        self._urls = urls
        self._seed = seed
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
        rng = random.Random(self._seed + number)  # noqa: S311 - repeatable, not secret
        with httpx.Client(headers={"x-api-key": TOKEN}, timeout=5) as http:
            while (taken := self._taken()) is not None:
                data = base64.b64encode(json.dumps({"n": taken, "k": taken % KEYS}).encode()).decode()
                url = f"{rng.choice(self._urls)}/v1/projects/P/topics/{topic_of(taken)}:publish"
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


class NodeStage:
    """What faults are done to."""

    def __init__(self, cluster: Cluster, mattermost: FakeMattermost) -> None:
        self.cluster = cluster
        self.mattermost = mattermost
        self.nodes: dict[str, Node] = {}
        self.proxies: dict[str, ProxyProcess] = {}

    def ask(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the primary says, straight."""
        with psycopg.connect(self.cluster.primary.url, autocommit=True, connect_timeout=2) as db:
            return db.execute(question, values).fetchall()

    async def topics(self) -> dict[str, str]:
        """The uids of the topics by their names."""
        store = await open_reader(self.cluster.url, CLOCK)
        try:
            return {
                stored.record.name: stored.record.uid
                for stored in await store.catalog.list("topic")
                if isinstance(stored.record, Topic) and stored.record.name in TOPICS
            }
        finally:
            await store.close()


@contextmanager
def a_node_stage(folder: Path, names: Sequence[str] = NAMES) -> Iterator[NodeStage]:
    """Servers, proxies and nodes that run for the length of the block; who writes is judged by the database."""
    with ExitStack() as undoing:
        cluster = undoing.enter_context(a_cluster())
        stage = NodeStage(cluster, undoing.enter_context(running(FakeMattermost())))
        for name in names:
            proxy = ProxyProcess([server.port for server in cluster.servers])
            undoing.callback(proxy.close)
            hosts = ",".join(f"127.0.0.1:{port}" for port in proxy.ports)
            (folder / name).mkdir()
            node = Node(folder / name, stage.mattermost, f"postgresql://bridge@{hosts}/postgres", name, CONFIG, RULES)
            undoing.callback(node.daemon.close)
            if name != names[0]:  # every node seals tokens with the same key
                (folder / name / "sealing.key").symlink_to(folder / names[0] / "sealing.key")
            node.start()
            stage.nodes[name], stage.proxies[name] = node, proxy
        routers = {uid: f"router:projects/P/topics/{name}" for name, uid in asyncio.run(stage.topics()).items()}
        assert len(routers) == len(TOPICS)
        with psycopg.connect(cluster.primary.url, autocommit=True) as db:
            install_judge(db, routers)
        yield stage
