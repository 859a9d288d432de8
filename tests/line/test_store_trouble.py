"""A store that fails: a clear word, no acknowledged message lost, and recovery without a restart."""

from __future__ import annotations

import base64
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from broker.engines.memory.trouble import Trouble
from tests.fakes.control import a_daemon, meanwhile, trouble_in
from tests.line.process import DaemonProcess, a_free_port

TOKEN = "line-test-token"
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:{state}/bridge.db
auth: {{service_token: {token}}}
projects: {{P: {{topics: {{T: {{}}}}, subscriptions: {{S: {{topic: T}}}}}}}}
destinations: {{inbox: {{type: inbox}}}}
"""
RULES = """
topic: projects/P/topics/T
rules: [{name: all, match: {text: {exists: true}}, text: "seen", send: inbox}]
"""
PUBLISH = "/v1/projects/P/topics/T:publish"


class Rig:
    """A daemon process with a client of its own."""

    def __init__(self, folder: Path, state: str = "state") -> None:
        port = a_free_port()
        self.folder = folder
        (folder / "rules.d").mkdir()
        (folder / "rules.d" / "all.yaml").write_text(RULES)
        config = folder / "bridge.yaml"
        config.write_text(CONFIG.format(port=port, token=TOKEN, state=state))
        self.daemon = DaemonProcess(config, cwd=folder)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": TOKEN}, timeout=30)

    def publish(self, size_bytes: int) -> httpx.Response:
        data = base64.b64encode(os.urandom(size_bytes)).decode()
        return self.http.post(PUBLISH, json={"messages": [{"data": data}]})

    def stored(self) -> int:
        offsets = self.http.get("/v1/projects/P/subscriptions/S:offsets").json()
        return int(offsets["max"])

    def until(self, path: str, status: int) -> httpx.Response:
        """Ask until it answers so; bounded."""
        for _ in range(20_000):
            answer = self.http.get(path)
            if answer.status_code == status:
                return answer
        raise AssertionError(f"{path} never answered {status}: {answer.text}")

    def close(self) -> None:
        self.http.close()
        self.daemon.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def test_a_full_disk_refuses_clearly_loses_nothing_and_recovers_without_a_restart(rig: Rig) -> None:
    rig.daemon.start()
    assert rig.publish(1000).status_code == 200
    limits = resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    accepted = 1
    for _ in range(50):
        answer = rig.publish(100_000)
        if answer.status_code != 200:
            break
        accepted += 1
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["error"]["code"] == 503
    assert "the disk" in answer.json()["error"]["message"]
    resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE, (1, limits[1]))  # not a byte more
    assert rig.publish(10).status_code == 503
    refused = rig.until("/readyz", 503).json()
    assert "store" in refused["reason"]
    assert rig.http.get("/healthz").status_code == 200
    resource.prlimit(rig.daemon.pid, resource.RLIMIT_FSIZE, limits)
    rig.until("/readyz", 200)
    assert rig.publish(1000).status_code == 200
    assert rig.stored() == accepted + 1
    assert rig.daemon.stop() == 0


def test_a_store_that_cannot_be_reached_at_start_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    rig = Rig(tmp_path)
    try:
        rig.daemon.start(until=b"STATUS=waiting for the store")
        assert "cannot be made" in rig.daemon.log
        (tmp_path / "state").unlink()
        rig.daemon.hear(b"READY=1")
        assert rig.publish(10).status_code == 200
        assert rig.daemon.stop() == 0
    finally:
        rig.close()


def test_two_daemons_never_share_a_store(rig: Rig, tmp_path: Path) -> None:
    rig.daemon.start()
    other = tmp_path / "other"
    other.mkdir()
    second = Rig(other, state=str(tmp_path / "state"))
    try:
        second.daemon.start(until=b"STATUS=waiting for the store")
        assert "has this store open" in second.daemon.log
    finally:
        second.close()
    assert rig.publish(10).status_code == 200


async def test_a_stop_does_not_wait_for_a_store_that_is_away(tmp_path: Path) -> None:
    async with a_daemon(tmp_path) as stage:
        trouble_in(stage).add(Trouble("commit", "unavailable", times=None))
        await stage.publish({"host": "a", "status": "BAD"})
        workers = stage.daemon.supervisor.health()
        while workers["router:projects/P/topics/T"].state != "waiting for the store":
            await stage.let_pass(0.1)
        began_s = stage.clock.monotonic()
        await meanwhile(stage, stage.daemon.routers.stop(), step_s=1)
        assert stage.clock.monotonic() - began_s < 10
        trouble_in(stage).heal()
