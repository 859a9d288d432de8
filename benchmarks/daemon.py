"""A real daemon in a process of its own, as an administrator starts it, with one project and one destination."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.machine import pin
from benchmarks.talking import TOKEN, Server

TOPIC: Final = "projects/P/topics/alarms"
QUIET_TOPIC: Final = "projects/P/topics/archive"
CONCURRENCY: Final = 32
_READY_WITHIN_S: Final = 120.0
_STOPS_WITHIN_S: Final = 60.0
_ROOT: Final = Path(__file__).parent.parent

_CONFIG = """
server: {{listen: "127.0.0.1:{port}", tls: {tls}}}
store: {store}
node: {node}
auth: {{service_token: an-administrator}}
log: {{level: warning, format: json}}
projects:
  P:
    topics: {{alarms: {{}}, archive: {{}}}}
    subscriptions: {{{subscriptions}}}
    users:
      u: {{roles: [publisher, consumer], topics: [alarms, archive], subscriptions: [{names}], token: {token}}}
destinations:
  receiver: {{type: webhook, url: "{url}", concurrency: {concurrency}}}
"""
_SPREAD = """
server: {{listen: "127.0.0.1:{port}", tls: off}}
store: {store}
node: {node}
auth: {{service_token: an-administrator}}
log: {{level: warning, format: json}}
projects:
  P:
    topics: {{{topics}}}
    users: {{u: {{roles: [publisher], topics: [{names}], token: {token}}}}}
destinations:
{destinations}
"""
_RULES = """
topic: projects/P/topics/alarms
rules:
  - name: status-alerts
    match:
      $.type: [endpoint, service, endpoint_group]
      $.status: {not: OK}
    key: "{{ data.hostname }}"
    template: argo/status
    send: receiver
"""
"""What the ARGO consumer does: filter by type and status, reformat, send. Each host's posts keep their order."""
_KEY = '    key: "{{ data.hostname }}"\n'


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon that said READY, and how long that took from the start of its process."""

    server: Server
    took_s: float


def write_config(
    folder: Path,
    url: str,
    subscriptions: int = 0,
    *,
    is_one_line: bool = False,
    tls: str = "off",
    store: str = "sqlite:state/bridge.db",
    node: str = '""',
) -> Path:
    """A configuration in ``folder`` that delivers to ``url``, with so many subscriptions (``s0``, ...) to pull.

    With ``is_one_line`` its rule has no key, so all of its posts keep one order.
    """
    port = a_free_port()
    names = [f"s{n}" for n in range(subscriptions)]
    config = folder / "bridge.yaml"
    config.write_text(
        _CONFIG.format(
            port=port,
            tls=tls,
            subscriptions=", ".join(f"{name}: {{topic: archive, ack_deadline_s: 600}}" for name in names),
            names=", ".join(names),
            token=TOKEN,
            url=url,
            concurrency=CONCURRENCY,
            store=store,
            node=node,
        )
    )
    (folder / "rules.d").mkdir(exist_ok=True)
    (folder / "rules.d" / "rules.yaml").write_text(_RULES.replace(_KEY, "") if is_one_line else _RULES)
    return config


def write_spread_config(folder: Path, url: str, topics: int, store: str, node: str) -> Path:
    """The configuration of one node of several: topics (``alarms0``, ...), each with a destination of its own."""
    names = [f"alarms{n}" for n in range(topics)]
    receiver = f'{{type: webhook, url: "{url}", concurrency: {CONCURRENCY}}}'
    config = folder / "bridge.yaml"
    config.write_text(
        _SPREAD.format(
            port=a_free_port(),
            topics=", ".join(f"{name}: {{}}" for name in names),
            names=", ".join(names),
            token=TOKEN,
            store=store,
            node=node,
            destinations="\n".join(f"  {name}: {receiver}" for name in names),
        )
    )
    (folder / "rules.d").mkdir(exist_ok=True)
    for name in names:
        rules = _RULES.replace("topics/alarms", f"topics/{name}").replace("send: receiver", f"send: {name}")
        (folder / "rules.d" / f"{name}.yaml").write_text(rules.replace("name: status-alerts", f"name: {name}"))
    return config


def a_free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def running(config: Path, *, pinned: bool = False, counts: Path | None = None, **environ: str) -> Iterator[Started]:
    """Start the daemon, wait until it tells its service manager READY, and stop it in the end.

    With ``counts`` it counts into that file what it does (counted_daemon.py). Raises RuntimeError with what it said
    when it does not start.
    """
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = f"ams-bridge-benchmark-{os.getpid()}-{time.perf_counter_ns()}"
    counted = [] if counts is None else ["-m", "benchmarks.counted_daemon", str(counts)]
    program = counted or ["-c", "from bridge.cli.main import main; main()"]
    port = int(config.read_text().partition("127.0.0.1:")[2].partition('"')[0])
    with told, (config.parent / "daemon.log").open("wb") as log:
        told.bind(f"\0{name}")
        told.settimeout(0.2)
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *program, "--config", str(config), "run"],
            cwd=config.parent,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "NOTIFY_SOCKET": f"@{name}", **environ},
            stdout=log,
            stderr=log,
        )
        try:
            if pinned:
                pin(process.pid, server=True)
            _wait_ready(process, told, config.parent / "daemon.log")
            yield Started(Server(port, process.pid), time.perf_counter() - began)
        finally:
            end(process)


def _wait_ready(process: subprocess.Popen[bytes], told: socket.socket, log: Path) -> None:
    until = time.perf_counter() + _READY_WITHIN_S
    while time.perf_counter() < until and process.poll() is None:
        with contextlib.suppress(TimeoutError):
            if b"READY=1" in told.recv(4096):
                return
    raise RuntimeError(f"the daemon did not start:\n{log.read_text()}")


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and after a while SIGKILL."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
