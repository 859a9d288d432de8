"""A real Alertmanager in a process of its own, and what Prometheus and people say to it.

Its intervals are the smallest that make sense, so that it repeats itself many times within a test. It also calls a
counter, which is how a test knows that it went on without asking the time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.house.requirements import require_program

PATIENCE_S = 30.0
CONFIG = """
route:
  receiver: bridge
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 200ms
  repeat_interval: 200ms
receivers:
  - name: bridge
    webhook_configs:
      - {{url: "{hook}", send_resolved: true}}
      - {{url: "{counter}", send_resolved: true}}
"""


class AlertmanagerProcess:
    """Debian's Alertmanager on loopback; alone, or with ``peer`` (the cluster port of another) in a cluster."""

    def __init__(
        self, folder: Path, port: int, *, hook: str, counter: str, cluster_port: int = 0, peer: int = 0
    ) -> None:
        folder.mkdir()
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG.format(hook=hook, counter=counter))
        cluster = f"127.0.0.1:{cluster_port}" if cluster_port else ""
        self._in_cluster = bool(cluster_port)
        self._command = [
            require_program("prometheus-alertmanager", package="prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--cluster.listen-address={cluster}",
            *([f"--cluster.advertise-address={cluster}"] if cluster else []),
            *([f"--cluster.peer=127.0.0.1:{peer}"] if peer else []),
            "--cluster.peer-timeout=1ms",  # the second of two waits so long, with what fired before it waited
            "--cluster.gossip-interval=20ms",
            "--cluster.settle-timeout=5s",
            "--log.level=info",
        ]
        self._url = f"http://127.0.0.1:{port}/api/v2"
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._said: list[str] = []
        self._moved = threading.Condition()

    def start(self) -> None:
        """Start, and return when it listens and, in a cluster, has settled."""
        self._said = []
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()
        self.wait_until(lambda: self._has_said("Listening on"))
        if self._in_cluster:
            self.wait_until(lambda: self._has_said("gossip settled"))

    def stop(self) -> None:
        """SIGTERM, as its unit does: it writes down what it has told."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: it forgets what it has told."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        sys.stderr.write("".join(self._said))  # pytest shows it when the test fails

    def fire(self, *alerts: dict[str, str], since: str = "2020-01-01T00:00:00Z") -> None:
        """What Prometheus posts of alerts that fire since a moment."""
        self._post("/alerts", [{"labels": labels, "startsAt": since} for labels in alerts])

    def end(
        self, *alerts: dict[str, str], since: str = "2020-01-01T00:00:00Z", until: str = "2020-01-01T01:00:00Z"
    ) -> None:
        """What Prometheus posts of alerts that are over."""
        self._post("/alerts", [{"labels": labels, "startsAt": since, "endsAt": until} for labels in alerts])

    def silence(self, name: str, value: str) -> str:
        """Silence a label for long; gives the id."""
        matcher = {"name": name, "value": value, "isRegex": False, "isEqual": True}
        times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
        said = self._post("/silences", {"matchers": [matcher], **times, "createdBy": "test", "comment": "work"})
        return str(said["silenceID"])

    def expire(self, silence_id: str) -> None:
        """End a silence."""
        httpx.delete(f"{self._url}/silence/{silence_id}", timeout=10).raise_for_status()

    def _post(self, path: str, body: Sequence[Any] | dict[str, Any]) -> Any:
        answer = httpx.post(self._url + path, content=json.dumps(body), headers=_JSON, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.send_signal(number)
        self._process.wait(30)
        self._reader.join(30)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                with self._moved:
                    self._said.append(line)
                    self._moved.notify_all()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return once this holds; asked after every line that it logs. Raises TimeoutError."""
        with self._moved:
            if not self._moved.wait_for(holds, PATIENCE_S):
                raise TimeoutError("Alertmanager never came to it")

    @property
    def is_trying_again(self) -> bool:
        """Whether a call failed and was neither made since nor given up."""
        ended = self._count("Notify success") + self._count("Notify for alerts failed")
        return self._count("attempts=1 err=") > ended

    def _has_said(self, words: str) -> bool:
        return self._count(words) > 0

    def _count(self, words: str) -> int:
        return sum(words in line for line in self._said)


_JSON = {"content-type": "application/json"}
