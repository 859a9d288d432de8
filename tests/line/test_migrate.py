"""A store moved into another engine while its daemon goes on: the mover is killed, and all is there."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.fakes.listening import running
from bridge.fakes.mattermost import FakeMattermost
from tests.contracts.postgres_databases import an_empty_database
from tests.line.process import ROOT
from tests.line.test_kill import Publishers
from tests.line.test_postgres import Node, check_store, wait_until_settled

KILLED_AFTER_LINES = (1, 9, 25)


class Mover:
    """``ams-bridge migrate`` in a process of its own."""

    def __init__(self, source: str, target: str, *options: str) -> None:
        command = [sys.executable, "-m", "bridge.cli", "--json", "migrate", "--from", source, "--to", target, *options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def read(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it ended with {self._process.wait(10)}"
        told: dict[str, object] = json.loads(line)
        return told

    def wait_until(self, state: str) -> dict[str, object]:
        while (told := self.read())["state"] != state:
            pass
        return told

    def kill(self) -> None:
        self._process.kill()
        self.end()

    def end(self) -> int:
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(60)


@pytest.mark.parametrize("way", ["into PostgreSQL", "back into SQLite"])
def test_a_store_is_moved_beside_its_daemon_and_the_mover_may_be_killed(tmp_path: Path, way: str) -> None:
    file, database = f"sqlite://{tmp_path / 'bridge.db'}", an_empty_database("line")
    source, target = (file, database) if way == "into PostgreSQL" else (database, file)
    with running(FakeMattermost()) as mattermost:
        node = Node(tmp_path, mattermost, source)
        publishers = Publishers(node.base_url)
        try:
            node.start()
            publishers.go_on(up=True)
            publishers.wait_for_more(150)
            for lines in KILLED_AFTER_LINES:
                mover = Mover(source, target)
                for _ in range(lines):
                    mover.read()
                mover.kill()
                publishers.wait_for_more(30)
            mover = Mover(source, target)
            mover.wait_until("following")
            publishers.wait_for_more(60)
            publishers.go_on(up=False)
            assert node.daemon.stop() == 0
            told = mover.wait_until("finished")
            assert mover.end() == 0
            assert any(row["rows"] for row in told["tables"] if row["table"] == "messages")  # type: ignore[attr-defined]
            config = node.daemon.config
            config.write_text(config.read_text().replace(source, target))
            node.store = target
            node.start()
            publishers.go_on(up=True)
            publishers.wait_for_more(30)
            publishers.finish()
            asyncio.run(wait_until_settled(target))
            assert node.daemon.stop() == 0
            asyncio.run(check_store(node, publishers.acknowledged))
        finally:
            publishers.finish()
            node.daemon.close()


def test_copying_only_ends_beside_the_daemon_and_another_run_finishes(tmp_path: Path) -> None:
    source, target = f"sqlite://{tmp_path / 'bridge.db'}", an_empty_database("line")
    with running(FakeMattermost()) as mattermost:
        node = Node(tmp_path, mattermost, source)
        try:
            node.start()
            node.publish(1, 2, 3)
            mattermost.wait_for_posts(3, 20)
            copying = Mover(source, target, "--copy-only")
            copying.wait_until("copied")
            assert copying.end() == 0
            assert node.daemon.stop() == 0
            last = Mover(source, target)
            last.wait_until("finished")
            assert last.end() == 0
        finally:
            node.daemon.close()
