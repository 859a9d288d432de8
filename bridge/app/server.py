"""The HTTP server: uvicorn inside our own event loop, on sockets we bind, with TLS and optional client certificates.

uvicorn counts what is under way, keeps the date and stops in good order; connections are taken and spoken to by
``bridge/front``. The peer's certificate reaches the app as ``scope["state"]["peer_der"]``. Signals stay ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from bridge.app.certificate import Tls
from bridge.core.host_and_port import host_and_port
from bridge.front.acceptor import Acceptor
from bridge.front.connection_table import ConnectionTable
from bridge.front.http_protocol import HttpProtocol
from bridge.front.limits import ConnectionLimits
from broker.clock import Clock, SystemClock

_BACKLOG = 2048
_GRACE_S = 5
_SWEEP_EVERY_S = 1.0


class CannotListen(Exception):
    """An address cannot be bound; the text says which and why."""


class _Server(uvicorn.Server):
    """uvicorn with our own way to take connections, and without signal handlers: the daemon has its own."""

    def __init__(self, config: uvicorn.Config, table: ConnectionTable) -> None:
        super().__init__(config)
        self._table = table
        self.servers: list[Any] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections from the sockets."""
        self.servers = [Acceptor(sock, self.config.ssl, self._connection, self._table) for sock in sockets or ()]
        self.started = True

    def show(self, context: ssl.SSLContext) -> None:
        """Show another certificate to whoever connects from now on; connections that stand keep theirs."""
        self.config.ssl = context
        for acceptor in self.servers:
            acceptor.renew(context)

    def _connection(self, lost: Callable[[], None]) -> HttpProtocol:
        return HttpProtocol(self.config, self.server_state, self._table, lost)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class HttpServer:
    """One app on one address. Servers that are given the same ``table`` share its limits."""

    def __init__(
        self,
        app: Any,
        listen: str,
        tls: Tls | None,
        table: ConnectionTable | None = None,
        clock: Clock | None = None,
        *,
        hsts_s: float = 0,
    ) -> None:
        self._clock = clock or SystemClock()
        self._table = table or ConnectionTable(ConnectionLimits(), self._clock)
        self._socket = _bind(listen)
        self._app, self._tls = app, tls
        try:
            config = _load_config(app, tls, hsts_s)
        except CannotListen:
            self._socket.close()
            raise
        self._server = _Server(config, self._table)
        self._serving: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is bound; the one chosen by the system when 0 was asked for."""
        port: int = self._socket.getsockname()[1]
        return port

    def renew(self, tls: Tls | None = None) -> None:
        """Read the certificate files again, or others, for connections made from now on; without TLS nothing happens.

        Raises CannotListen when they cannot be used; what was shown is then shown on.
        """
        if self._tls is None:
            return
        context = _load_config(self._app, tls or self._tls, 0).ssl
        if context is not None:
            self._tls = tls or self._tls
            self._server.show(context)

    async def start(self) -> None:
        """Begin to answer. Connections made since binding are taken first."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http")
        self._sweeping = asyncio.create_task(self._sweep(), name="http deadlines")

    async def wait(self) -> None:
        """Return when the server has ended; raises what ended it."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def stop(self) -> None:
        """Take no new connections, let requests under way finish for a few seconds, then close.

        A request of which the rest does not come is under way for two seconds at most.
        """
        self._table.hurry()
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        self._socket.close()

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(_SWEEP_EVERY_S)
            self._table.end_overdue()


def _load_config(app: Any, tls: Tls | None, hsts_s: float) -> uvicorn.Config:
    """Uvicorn's settings with the certificates read. Raises CannotListen."""
    config = _config(app, tls, hsts_s)
    try:
        config.load()
    except OSError as error:  # an SSLError is one
        raise CannotListen(f"the certificate or key cannot be used: {error}") from error
    if config.ssl is not None:
        config.ssl.options |= ssl.OP_NO_RENEGOTIATION  # costs the server much and the client nothing
    return config


def _config(app: Any, tls: Tls | None, hsts_s: float) -> uvicorn.Config:
    """Uvicorn's settings. With TLS every answer tells browsers for how long to ask this host over TLS only."""
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # Root does that, for those who look who calls
        headers=[("strict-transport-security", f"max-age={round(hsts_s)}")] if tls and hsts_s else None,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
        ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if tls and tls.client_ca else ssl.CERT_NONE,
    )


def _bind(listen: str) -> socket.socket:
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
