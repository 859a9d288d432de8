"""A backup with pgBackRest, and the way back to a point in time, as docs/scale.md tells it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from tests.bridge.destinations.postgres import find_programs
from tests.house.requirements import require_program
from tests.line.postgres_cluster import Server
from tests.line.test_kill import TOKEN
from tests.line.test_postgres import Node

pytestmark = pytest.mark.proof

CONFIG = """
[bridge]
pg1-path={server.data}
pg1-port={server.port}
pg1-socket-path={folder}
pg1-user=bridge
pg1-database=postgres
[global]
repo1-path={folder}/repo
repo1-retention-full=2
log-path={folder}
lock-path={folder}
spool-path={folder}
log-level-console=warn
start-fast=y
"""
SETTINGS = """
synchronous_standby_names = ''
archive_mode = on
archive_command = '{command} archive-push %p'
"""


class BackedUp:
    """A server that is backed up as the page says."""

    def __init__(self, folder: Path) -> None:
        self._program = require_program("pgbackrest", package="pgbackrest")
        self._account = "postgres" if os.geteuid() == 0 else None
        if self._account is not None:
            shutil.chown(folder, self._account, self._account)
        self.server = Server(find_programs(), folder, "main", self._account)
        self._config = folder / "pgbackrest.conf"
        self._config.write_text(CONFIG.format(server=self.server, folder=folder))
        self.server.make()
        command = f"{self._program} --config={self._config} --stanza=bridge"
        with (self.server.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(command=command))
        self.server.start()
        self.run("stanza-create")

    def run(self, *words: str) -> None:
        command = [self._program, f"--config={self._config}", "--stanza=bridge", *words]
        done = subprocess.run(command, user=self._account, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def backed_up() -> Iterator[BackedUp]:
    folder = Path(tempfile.mkdtemp(prefix="ams-bridge-pgbackrest-"))
    with ExitStack() as undoing:
        undoing.callback(shutil.rmtree, folder, ignore_errors=True)
        made = BackedUp(folder)
        undoing.callback(made.server.close)
        yield made


def pulled(node: Node) -> dict[str, int]:
    """The numbers of the messages that a consumer is given, by their ids."""
    answer = httpx.post(
        f"{node.base_url}/v1/projects/P/subscriptions/S:pull",
        json={"maxMessages": "100", "returnImmediately": "true"},
        headers={"x-api-key": TOKEN},
        timeout=30,
    )
    answer.raise_for_status()
    messages = [each["message"] for each in answer.json()["receivedMessages"]]
    return {each["messageId"]: json.loads(base64.b64decode(each["data"]))["n"] for each in messages}


def test_a_point_in_time_is_gone_back_to_and_the_daemon_goes_on_from_there(tmp_path: Path) -> None:
    with backed_up() as database, running(FakeMattermost()) as mattermost, ExitStack() as undoing:
        node = Node(tmp_path, mattermost, database.server.url)
        undoing.callback(node.daemon.close)
        node.start()
        node.publish(1, 2)
        database.run("backup")
        ended = database.server.ask("SELECT clock_timestamp()::text")  # pgBackRest knows its end by the second
        database.server.wait_until(
            f"SELECT clock_timestamp() >= date_trunc('second', timestamptz '{ended}') + interval '1 s'"
        )
        node.publish(3)
        mattermost.wait_for_posts(3, 20)
        moment = database.server.ask("SELECT clock_timestamp()::text")
        node.publish(4, 5)
        mattermost.wait_for_posts(5, 20)
        assert node.daemon.stop() == 0
        database.server.tell("SELECT pg_switch_wal()")
        database.server.close()

        database.run("restore", "--delta", "--type=time", f"--target={moment}", "--target-action=promote")
        database.server.start()
        database.server.wait_until("SELECT NOT pg_is_in_recovery()")
        node.start()
        node.publish(6)
        mattermost.wait_for_posts(6, 20)
        assert pulled(node) == {"0": 1, "1": 2, "2": 3, "3": 6}, "what came after that point is gone, its ids are not"
