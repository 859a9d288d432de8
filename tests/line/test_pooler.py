"""The daemon behind PgBouncer, in session mode: the whole line, two nodes, and a pooler that is started anew."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from broker.clock import SystemClock
from tests.contracts.postgres_databases import an_empty_database
from tests.house.requirements import require_program
from tests.line.process import a_free_port
from tests.line.test_nodes import wait_for_owners
from tests.line.test_postgres import Node, wait_until_settled

CONFIG = """
[databases]
* = host=127.0.0.1 port={server} user=bridge
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = session
max_client_conn = 200
default_pool_size = 60
unix_socket_dir =
ignore_startup_parameters = extra_float_digits,options
"""


class Pooler:
    """PgBouncer in front of the run's server."""

    def __init__(self, folder: Path, server: str) -> None:
        self._program = require_program("pgbouncer", package="pgbouncer")
        self._account = "postgres" if os.geteuid() == 0 else None
        port = a_free_port()
        at = urlsplit(server)
        self.url = urlunsplit(at._replace(netloc=f"bridge@127.0.0.1:{port}"))
        self._config = folder / "pgbouncer.ini"
        self._config.write_text(CONFIG.format(server=at.port, port=port))
        self._log = folder / "pgbouncer.log"
        if self._account is not None:
            shutil.chown(folder, self._account)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(self._config)], user=self._account, stdout=log, stderr=log
            )
        clock = SystemClock()
        for _ in range(200):
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.Error:
                clock.pause(0.05)
            else:
                return
        raise AssertionError(self._log.read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def a_pooler(server: str) -> Iterator[Pooler]:
    folder = Path(tempfile.mkdtemp(prefix="ams-bridge-pooler-"))
    pooler = Pooler(folder, server)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pooled(tmp_path: Path) -> Iterator[tuple[Pooler, Node, Node]]:
    with ExitStack() as undoing:
        mattermost = undoing.enter_context(running(FakeMattermost()))
        pooler = undoing.enter_context(a_pooler(an_empty_database("pooled")))
        nodes = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            node = Node(tmp_path / name, mattermost, pooler.url, name)
            undoing.callback(node.daemon.close)
            nodes.append(node)
        (tmp_path / "two" / "sealing.key").symlink_to(tmp_path / "one" / "sealing.key")
        yield pooler, nodes[0], nodes[1]


def test_two_nodes_behind_a_pooler_share_the_work_and_take_it_over(pooled: tuple[Pooler, Node, Node]) -> None:
    _, one, two = pooled
    one.start()
    two.start()
    wait_for_owners(one, 15, owned_by={"one", "two"}, workers=4, at_least=2)
    one.publish(1, 2)
    two.publish(3)
    one.mattermost.wait_for_posts(3, 20)
    asyncio.run(wait_until_settled(one.store))  # what is in flight when a node dies may be sent once more
    one.daemon.kill()
    wait_for_owners(two, 8, owned_by={"two"}, workers=4)
    two.publish(4)
    one.mattermost.wait_for_posts(4, 20)
    assert sorted(int(post.text.removeprefix("n=")) for post in one.mattermost.posts) == [1, 2, 3, 4]


def test_a_pooler_that_is_started_anew_is_found_again(pooled: tuple[Pooler, Node, Node]) -> None:
    pooler, one, _ = pooled
    one.start()
    one.publish(1)
    one.mattermost.wait_for_posts(1, 20)
    pooler.stop()
    pooler.start()
    clock = SystemClock()
    for _ in range(100):
        try:
            one.publish(2)
        except httpx.HTTPStatusError:  # 503 until the connections are made anew
            clock.pause(0.1)
        else:
            break
    one.mattermost.wait_for_posts(2, 20)
