"""A message at which the daemon hangs, under a service manager that kills and restarts it: everybody else goes on."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.clock import SystemClock
from tests.line.process import DaemonProcess, a_free_port

TOKEN = "poison-test-token"
WATCHDOG_S = 3.0
LONGEST_S = 60.0
KILLS = 12
CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: sqlite:state/bridge.db
auth: {{service_token: {token}}}
log: {{level: warning, format: json}}
projects: {{P: {{topics: {{LOUD: {{}}, QUIET: {{}}}}}}}}
destinations:
  box: {{type: inbox}}
"""
RULES = """
rules:
  - name: loud
    topic: projects/P/topics/LOUD
    text: "{{ data.text | %s }}"
    send: box
  - name: quiet
    topic: projects/P/topics/QUIET
    text: "{{ data.text }}"
    send: box
"""
HANGING = """
import re
from rules.rendering.jinja_filters import ALL_FILTERS
ALL_FILTERS.built_in["hang"] = lambda text: "ended" if re.match("(x+x+)+y", text) else text
"""
"""A filter of these tests alone: for many x its one call into C ends after years, and holds the interpreter."""


class Managed:
    """A daemon under a service manager: killed when it does not feed its watchdog, and started again."""

    def __init__(self, folder: Path, filter_name: str, prelude: str) -> None:
        (folder / "rules.d").mkdir()
        (folder / "rules.d" / "rules.yaml").write_text(RULES % filter_name)
        port = a_free_port()
        (folder / "bridge.yaml").write_text(CONFIG.format(port=port, token=TOKEN))
        self.daemon = DaemonProcess(folder / "bridge.yaml", cwd=folder, prelude=prelude)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": TOKEN}, timeout=WATCHDOG_S * 2
        )
        self.restarts = 0
        self.start()

    def start(self) -> None:
        """As systemd does."""
        self.daemon.start(WATCHDOG_USEC=str(int(WATCHDOG_S * 1_000_000)))

    def restart(self) -> None:
        """kill -9 and start again."""
        self.daemon.kill()
        self.restarts += 1
        self.start()

    def watch_until(self, reached: Callable[[], bool]) -> None:
        """Play the service manager until something is reached."""
        clock = SystemClock()
        until = clock.monotonic() + LONGEST_S
        while True:
            if not self.daemon.is_fed(WATCHDOG_S):
                self.restart()
                continue
            with contextlib.suppress(httpx.TransportError):
                if reached():
                    return
            assert clock.monotonic() < until, self.daemon.log

    def publish(self, topic: str, *texts: str) -> None:
        """Publish in one batch."""
        wires = [base64.b64encode(json.dumps({"text": text}).encode()).decode() for text in texts]
        body = {"messages": [{"data": wire, "attributes": {}} for wire in wires]}
        self.http.post(f"/v1/projects/P/topics/{topic}:publish", json=body).raise_for_status()

    def posts(self, state: str = "delivered") -> list[str]:
        """The texts of deliveries, the oldest first."""
        answer = self.http.get("/api/deliveries", params={"state": state, "limit": 500}).raise_for_status().json()
        ids = [one["id"] for one in reversed(answer["deliveries"])]
        return [self.http.get(f"/api/deliveries/{one}").raise_for_status().json()["post"]["text"] for one in ids]

    def has_decided_all(self) -> bool:
        """Whether no message stands before a router, and nothing waits to be delivered."""
        page = self.http.get("/metrics").raise_for_status().text
        waiting = re.findall(r'ams_bridge_(?:messages\{fate="undecided"|deliveries\{.*"waiting")[^}]*\} (\S+)', page)
        return not sum(map(float, waiting))

    def close(self) -> None:
        self.http.close()
        self.daemon.close()


@contextmanager
def managed(folder: Path, filter_name: str, prelude: str = "") -> Iterator[Managed]:
    daemon = Managed(folder, filter_name, prelude)
    try:
        yield daemon
    finally:
        daemon.close()


@pytest.mark.proof
def test_a_message_at_which_the_daemon_hangs_is_set_aside_after_two_restarts(tmp_path: Path) -> None:
    with managed(tmp_path, "hang", HANGING) as daemon:
        with contextlib.suppress(httpx.TransportError):  # it hangs before it has answered, or after: it is stored
            daemon.publish("LOUD", "before", "x" * 80, "after")
        daemon.watch_until(lambda: True)
        daemon.watch_until(lambda: not daemon.publish("QUIET", "meanwhile"))
        daemon.watch_until(daemon.has_decided_all)
        assert daemon.restarts == 2
        assert set(daemon.posts()) == {"after", "before", "meanwhile"}
        (dead,) = daemon.posts("dead")
        assert "the daemon stopped twice while deciding it" in dead
        ready: dict[str, Any] = daemon.http.get("/readyz").raise_for_status().json()
        assert "projects/P/topics/LOUD:1" in ready["degraded"]
        assert "ams_bridge_set_aside 1.0" in daemon.http.get("/metrics").text
        daemon.restart()
        assert "projects/P/topics/LOUD:1" in daemon.http.get("/readyz").json()["degraded"]


@pytest.mark.proof
def test_a_message_that_was_set_aside_is_replayed_once_the_rules_are_mended(tmp_path: Path) -> None:
    with managed(tmp_path, "hang", HANGING) as daemon:
        with contextlib.suppress(httpx.TransportError):
            daemon.publish("LOUD", "x" * 80)
        daemon.watch_until(lambda: False if daemon.restarts < 2 else daemon.has_decided_all())
        (tmp_path / "rules.d" / "rules.yaml").write_text(RULES % "upper")
        daemon.http.post("/api/reload").raise_for_status()
        daemon.http.post(
            "/api/messages:replay", json={"messages": ["projects/P/topics/LOUD:0"], "live": True}
        ).raise_for_status()
        daemon.watch_until(daemon.has_decided_all)
        assert daemon.posts() == ["X" * 80]


@pytest.mark.parametrize("width", [1, 80])
def test_a_message_of_blanks_stops_nobody(tmp_path: Path, width: int) -> None:
    with managed(tmp_path, f"wordwrap({width})") as daemon:
        daemon.publish("LOUD", " " * 200_000, "after")
        daemon.publish("QUIET", "meanwhile")
        daemon.watch_until(daemon.has_decided_all)
        assert daemon.restarts == 0
        assert daemon.posts("dead") == []


@pytest.mark.proof
@pytest.mark.timeout(300)  # a dozen starts
def test_kills_at_any_moment_set_nothing_aside(tmp_path: Path) -> None:
    rng = random.Random(7)  # noqa: S311
    with managed(tmp_path, "wordwrap(80)") as daemon:
        for n in range(KILLS):
            for topic in ("LOUD", "QUIET"):
                daemon.publish(topic, *(f"{n}.{m} " * 500 for m in range(60)))
            for _ in range(rng.randrange(8)):
                daemon.http.get("/healthz")
            daemon.restart()
        daemon.watch_until(daemon.has_decided_all)
        assert daemon.posts("dead") == []
        assert daemon.http.get("/readyz").json()["degraded"] == ""
        page = daemon.http.get("/metrics").text
        decided = re.findall(r'ams_bridge_messages\{fate="decided",[^}]*\} (\S+)', page)
        assert sum(map(float, decided)) == KILLS * 2 * 60
