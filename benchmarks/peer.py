"""Debian's Alertmanager as a peer: it hears of the same hosts and posts to the same receiver, with all in memory."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.talking import Server

PROGRAM: Final = "prometheus-alertmanager"
NAME: Final = "Alertmanager (in memory)"
_LONGEST_S: Final = 20.0
_CONFIG: Final = """
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1h, repeat_interval: 100h}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}", send_resolved: false}}]}}]
"""


def is_installed() -> bool:
    """Whether this machine has it."""
    return shutil.which(PROGRAM) is not None


def tell_of(*hosts: str) -> bytes:
    """A request that tells it of an alert about each of these hosts."""
    body = json.dumps([_alert(host) for host in hosts]).encode()
    head = (
        "POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _alert(host: str) -> dict[str, object]:
    labels = {"alertname": "HostDown", "host": host, "status": "CRITICAL", "type": "endpoint"}
    return {"labels": labels, "annotations": {"summary": f"{host} is CRITICAL"}}


@contextlib.contextmanager
def running(folder: Path, url: str) -> Iterator[Server]:
    """Alertmanager until the block ends, each alert a post of its own to ``url``. Raises TimeoutError."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "alertmanager.yml").write_text(_CONFIG.format(url=url))
    words = (f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}")
    where = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, *words, *where], stdout=log, stderr=log)
    try:
        _wait_for(port, time.perf_counter() + _LONGEST_S)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, ends_at: float) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            if time.perf_counter() > ends_at:
                raise TimeoutError(f"{PROGRAM} does not listen") from None
            time.sleep(0.05)
        else:
            return
