"""The AMS API on a real server over TLS, in a thread of its own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import uvloop

from bridge.app.server import HttpServer, Tls
from broker.clock import ManualClock
from tests.fakes.ams_api import Ams, an_api
from tests.fakes.certificates import Pair, TestAuthority

T = TypeVar("T")
_LONGEST_S = 20.0


class AmsServer:
    """A running server; ``ams`` is what it serves, to be touched through ``call`` only."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.authority = TestAuthority(folder)
        self._pair: Pair = self.authority.server()
        self._settings = settings
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ams-server")
        self.ams: Ams
        self._server: HttpServer

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LONGEST_S)
        self._loop.close()

    @property
    def endpoint(self) -> str:
        """``localhost:port``."""
        return f"localhost:{self._server.port}"

    @property
    def port(self) -> int:
        """The port."""
        return self._server.port

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the server's own loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LONGEST_S)

    def advance(self, seconds: float) -> None:
        """Let the broker's time pass."""
        self.call(self.ams.clock.advance(seconds))

    async def _stop(self) -> None:
        """Cut clients that stay connected without reading, or TLS waits for their good-bye."""
        for connection in list(self._server._server.server_state.connections):
            connection.transport.abort()
        await self._server.stop()

    async def _start(self) -> None:
        self.ams = await an_api(ManualClock(), **self._settings)
        tls = Tls(self._pair.certificate, self._pair.key, self.authority.certificate)
        self._server = HttpServer(self.ams.app, "127.0.0.1:0", tls)
        await self._server.start()
