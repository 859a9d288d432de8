"""One of the eight systems at work: its example as a daemon in a process of its own over TLS, and its real clients.

The clients are programs of others, each as it is published, in an environment of their own: ``make example-clients``
makes it in ``.venv-examples`` (``EXAMPLE_CLIENTS`` names another place).
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.examples.running import TOKEN, environment_of
from tests.fakes.certificates import TestAuthority
from tests.house.reading import ROOT
from tests.house.requirements import missing
from tests.line.process import DaemonProcess, a_free_port

T = TypeVar("T")
traffic: list[tuple[int, int]] = []
"""For each daemon that ran: the messages its topics took, and those that were delivered or acknowledged by a reader."""
_SERVER = re.compile(r"^server: .*$", re.MULTILINE)
_LONGEST_S = 30.0
_LOOK_EVERY_S = 0.05
_LONGEST_CLIENT_S = 60.0


@dataclass(frozen=True)
class System:
    """A running example: where it is, what it was given, who signed its certificate, and a client that trusts it."""

    folder: Path
    environ: Mapping[str, str]
    authority: TestAuthority
    process: DaemonProcess
    http: httpx.Client
    port: int

    @property
    def endpoint(self) -> str:
        """``localhost:port``, as clients of AMS are told."""
        return f"localhost:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """The JSON of an answer that must be 200."""
        headers = {"x-api-key": token} if token else {}
        answer = self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def until(self, look: Callable[[], T], holds: Callable[[T], bool]) -> T:
        """What ``look`` gives once ``holds`` is true of it; the daemon works in its own time."""
        end = time.monotonic() + _LONGEST_S  # noqa: TID251 - a real process, in real time
        while not holds(found := look()):
            assert time.monotonic() < end, f"this never came to be: {found}"  # noqa: TID251
            time.sleep(_LOOK_EVERY_S)
        return found

    def deliveries(self, **query: str) -> list[dict[str, Any]]:
        """The deliveries that fit, newest first."""
        found: list[dict[str, Any]] = self.http.get("/api/deliveries", params=query).json()["deliveries"]
        return found

    def settled(self, count: int) -> list[dict[str, Any]]:
        """All deliveries once so many are there and none waits."""
        return self.until(
            self.deliveries, lambda found: len(found) >= count and all(one["state"] != "waiting" for one in found)
        )

    def balanced(self) -> None:
        """The books of every topic say where each message and send ended."""
        assert self.ask("GET", "/api/ledger")["balanced"] is True


@contextmanager
def a_system(
    name: str,
    state: Path,
    environ: Mapping[str, str] | None = None,
    listen: str = "127.0.0.1",
    change: Callable[[str], str] = str,
) -> Iterator[System]:
    """An example as people start it, but for its address and its certificate; ``change`` edits its settings further."""
    folder = state / name
    shutil.copytree(ROOT / "examples" / name, folder)
    tls = state / "tls"
    tls.mkdir(exist_ok=True)
    authority = TestAuthority(tls)
    server = authority.server("localhost", "127.0.0.1", *((listen,) if listen != "127.0.0.1" else ()))
    port = a_free_port() if listen == "127.0.0.1" else 443
    files = f"certificate: {server.certificate}, key: {server.key}, client_ca: {authority.certificate}"
    config = folder / "bridge.yaml"
    said = f"server: {{listen: '{listen}:{port}', tls: {{{files}}}}}"
    config.write_text(change(_SERVER.sub(lambda _: said, config.read_text())))
    values = environment_of(folder, state) | dict(environ or {})
    process = DaemonProcess(config, cwd=folder)
    host = "localhost" if listen == "127.0.0.1" else listen
    try:
        process.start(**values)
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        headers = {"x-api-key": values[TOKEN]}
        with httpx.Client(base_url=f"https://{host}:{port}", verify=trust, headers=headers, timeout=20) as http:
            system = System(folder, values, authority, process, http, port)
            yield system
            traffic.append(_traffic_of(system))
        assert process.stop() == 0
    finally:
        process.close()


def _traffic_of(system: System) -> tuple[int, int]:
    books = system.ask("GET", "/api/ledger")["topics"]
    given = sum(book["sends"]["delivered"] for book in books)
    for project in system.ask("GET", "/v1/projects").get("projects", []):
        path = f"/v1/projects/{project['name']}/subscriptions"
        for one in system.ask("GET", path)["subscriptions"]:
            given += system.ask("GET", f"{path}/{one['name'].rpartition('/')[2]}:offsets")["current"]
    return sum(book["messages"]["received"] for book in books), given


def client_program(name: str, within: str = ".") -> str:
    """The path of a program in the clients' environment, or in one ``within`` it that others do not bear."""
    place = Path(os.environ.get("EXAMPLE_CLIENTS", ROOT / ".venv-examples")) / within / "bin" / name
    return str(place) if place.exists() else missing(f"the client {name}", "make example-clients")


def run_client(system: System, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a client's program to its end; it trusts the example's authority."""
    around = {**os.environ, "REQUESTS_CA_BUNDLE": str(system.authority.certificate), "NO_PROXY": "*"}
    said = subprocess.run(
        words, input=stdin, env=around, cwd=system.folder, capture_output=True, text=True, timeout=_LONGEST_CLIENT_S
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said


def a_host(system: System, name: str = "ce.example.org") -> tuple[Any, str]:
    """A host's certificate, and its subject as GOCDB writes it."""
    pair = system.authority.client(
        (NameOID.COUNTRY_NAME, "GR"),
        (NameOID.ORGANIZATION_NAME, "Test"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "hosts"),
        (NameOID.COMMON_NAME, name),
    )
    assert x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    return pair, f"/C=GR/O=Test/OU=hosts/CN={name}"
