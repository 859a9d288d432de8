"""The HTTP server: uvicorn inside our own event loop, on sockets we bind, with TLS and optional client certificates.

The peer's certificate reaches the app as ``scope["state"]["peer_der"]`` through a small protocol subclass; uvicorn
itself has no such thing yet. Signals stay ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.settings.model import host_and_port

_BACKLOG = 2048
_GRACE_S = 5


class CannotListen(Exception):
    """An address cannot be bound; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The server's certificate and key, and whose client certificates are taken (optionally)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class _WithPeerCertificate(HttpToolsProtocol):
    """Puts the client's certificate, if it gave one, where the app finds it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the event loop for each new connection."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.app_state = {**self.app_state, "peer_der": tls.getpeercert(binary_form=True)}


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the daemon has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class HttpServer:
    """One app on one address."""

    def __init__(self, app: Any, listen: str, tls: Tls | None) -> None:
        self._socket = _bound(listen)
        config = uvicorn.Config(
            app,
            http=_WithPeerCertificate,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # Root does that, for those who look who calls
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=64 * 1024,
            ssl_certfile=str(tls.certificate) if tls else None,
            ssl_keyfile=str(tls.key) if tls else None,
            ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
            ssl_cert_reqs=ssl.CERT_OPTIONAL if tls and tls.client_ca else ssl.CERT_NONE,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            self._socket.close()
            raise CannotListen(f"the certificate or key cannot be used: {error}") from error
        self._config = config
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is bound; the one chosen by the system when 0 was asked for."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to answer. Connections made since binding are taken first."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http")

    async def wait(self) -> None:
        """Return when the server has ended; raises what ended it."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def stop(self) -> None:
        """Take no new connections, let requests under way finish for a few seconds, then close."""
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)
        self._socket.close()


def _bound(listen: str) -> socket.socket:
    host, port = host_and_port(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, it is: asyncio's own loop sends small answers at once only then, else after 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise CannotListen(f"cannot listen on {listen}: {error.strerror or error}") from error
    bound.setblocking(False)
    return bound
