"""Calls over TLS, each on a connection of its own, as publishers make them that run for one event.

The daemon shows its self-signed certificate, whose key is an elliptic one, and the bare app the same. Once the client
keeps its session from one call to the next, and once each call is a handshake in full.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from pathlib import Path
from typing import Final

from benchmarks import bare, daemon
from benchmarks.deliveries import message
from benchmarks.machine import cpu_s, pin, unpin
from benchmarks.rows import Row, rate, ratio_of
from benchmarks.scale import Run
from benchmarks.talking import Measured, Server, request

_WITHIN_S: Final = 10.0
_READ_BYTES: Final = 64 * 1024
_KINDS: Final = {True: "session kept", False: "handshake in full"}


class Caller:
    """Publishes one message on a new connection each time. ``resumed`` counts handshakes that a session spared."""

    def __init__(self, certificate: Path, *, keeps_session: bool) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.load_verify_locations(certificate)
        self._keeps_session = keeps_session
        self._session: ssl.SSLSession | None = None
        self._whole = request(f"/v1/{daemon.TOPIC}:publish", json.dumps({"messages": [message("host")]}).encode())
        self.resumed = 0

    def call(self, server: Server) -> None:
        """Connect, publish, read the answer, go. Raises RuntimeError for a bad answer."""
        with (
            socket.create_connection(("127.0.0.1", server.port), _WITHIN_S) as plain,
            self._context.wrap_socket(plain, server_hostname="localhost", session=self._session) as connection,
        ):
            connection.sendall(self._whole)
            answer = connection.recv(_READ_BYTES)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the server answered: {answer!r}")
            self.resumed += bool(connection.session_reused)
            if self._keeps_session:
                self._session = connection.session

    def measure(self, server: Server, seconds: float) -> Measured:
        """Call for so long, once the first call is over."""
        self.call(server)
        calls, cpu_before, began = 0, cpu_s(server.pid), time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.call(server)
            calls += 1
        return Measured(calls / (time.perf_counter() - began), (cpu_s(server.pid) - cpu_before) / max(calls, 1) * 1e6)


def measure_calls(run: Run, group: str) -> list[Row]:
    """A row with sessions and one without. Raises RuntimeError when the daemon does not take up a session."""
    folder = run.folder / "tls"
    folder.mkdir()
    config = daemon.write_config(folder, "http://127.0.0.1:9/", tls="self-signed")
    with daemon.running(config, pinned=True) as started:
        certificate, key = (folder / "state" / name for name in ("certificate.pem", "key.pem"))
        with bare.bare_server(folder / "bare", pinned=True, tls=(str(certificate), str(key))) as limit:
            pin(0, server=False)
            try:
                return [_row(run, group, started.server, limit, certificate, keeps) for keeps in _KINDS]
            finally:
                unpin()


def _row(run: Run, group: str, ours: Server, theirs: Server, certificate: Path, keeps_session: bool) -> Row:
    what = f"a new TLS connection for each, {_KINDS[keeps_session]}"
    pairs: list[tuple[Measured, Measured]] = []
    for n in range(run.scale.rounds):
        run.tell(f"{_KINDS[keeps_session]}, round {n + 1} of {run.scale.rounds}")
        mine, other = (Caller(certificate, keeps_session=keeps_session) for _ in range(2))
        pairs.append((mine.measure(ours, run.scale.slice_s), other.measure(theirs, run.scale.slice_s)))
        if bool(mine.resumed) != keeps_session:
            raise RuntimeError(f"{mine.resumed} sessions were taken up again")
    cpu = ratio_of([(other.cpu_us or 1.0, one.cpu_us or 1.0) for one, other in pairs])
    rates = [(one.per_s, other.per_s) for one, other in pairs]
    mine_s, other_s = (rate([pair[n] for pair in rates], "calls/s") for n in range(2))
    return Row(group, what, mine_s, "bare ASGI app", other_s, f"{ratio_of(rates)} (CPU {cpu})")
