"""How a fake listens: in the running event loop (``serve``) or in a thread of its own (``running``, ``Listener``).

uvicorn's HTTP protocol does the talking. Its server class is left out: that one stops by polling, and a test suite
starts and stops a fake hundreds of times.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, runtime_checkable

import uvicorn
import uvloop
from aiohttp import web
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

CONNECTION = "ams_bridge.connection"  # the ASGI extension through which a fake may cut its connection
_GRACE_S = 5.0
_HANG_UP_S = 0.1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Fake(Protocol):
    """What can be listened with: an ASGI application that can let go of the requests it holds."""

    base_url: str

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as ASGI asks for it."""

    def let_go(self) -> None:
        """Release every request that is held, so that listening can end."""


@runtime_checkable
class Conversing(Protocol):
    """A fake that also speaks over websockets."""

    async def converse(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take a request that asks for a websocket, and speak until it ends."""


F = TypeVar("F", bound=Fake)


class _Connection(HttpToolsProtocol):
    """uvicorn's protocol, with a way for the application to cut the connection, and word when it is lost."""

    def __init__(self, config: uvicorn.Config, state: ServerState, lost: Callable[[], None]) -> None:
        super().__init__(config, state, {})
        self._lost = lost

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: {"cut": self._cut}}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost()

    def _cut(self, *, reset: bool) -> None:
        if reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()


class _Service:
    """The open connections of one listening socket, and how to end them without polling."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._config = uvicorn.Config(
            fake,
            interface="asgi3",
            ws="none",
            lifespan="off",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            timeout_keep_alive=60,
        )
        self._config.load()
        self._websockets = web.Server(fake.converse, access_log=None) if isinstance(fake, Conversing) else None
        if self._websockets is not None:
            # uvicorn hands over the connection with the request; aiohttp takes both from there.
            self._config.ws_protocol_class = self._upgrade  # type: ignore[assignment]
        self._state = ServerState()
        self._all_lost = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=sock, backlog=2048)

    def _connection(self) -> _Connection:
        return _Connection(self._config, self._state, self._note_loss)

    def _upgrade(self, **_: object) -> asyncio.Protocol:
        if self._websockets is None:
            raise RuntimeError("this fake speaks over no websockets")
        return self._websockets()

    def _note_loss(self) -> None:
        if not self._state.connections:
            self._all_lost.set()

    async def stop(self) -> None:
        """Refuse new connections, let the requests in flight end, close the rest."""
        if self._server is None:
            return
        self._server.close()
        self._fake.let_go()
        if self._websockets is not None:
            await self._websockets.shutdown(_HANG_UP_S)
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(self._state.tasks, timeout=_GRACE_S)
            for task in late:
                task.cancel()
        self._all_lost.clear()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.connections:
            await self._all_lost.wait()
        await self._server.wait_closed()


async def serve(fake: Fake, host: str, port: int, *, started: Callable[[str], None] = lambda url: None) -> None:
    """Answer at ``host:port`` (0 takes a free port) until cancelled; ``started`` is told the address.

    Raises OSError when the address cannot be had.
    """
    with _bind(host, port) as sock:
        service = _Service(fake)
        await service.start(sock)
        fake.base_url = _url(sock)
        started(fake.base_url)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await service.stop()


class Listener:
    """A fake listening in a thread of its own.

    After ``stop`` connections are refused; ``start`` listens again on the same port, with everything the fake has
    kept: an outage and its end.
    """

    def __init__(self, fake: Fake, host: str = "127.0.0.1", port: int = 0) -> None:
        self._fake = fake
        self._host = host
        self._port = port
        self._thread: threading.Thread | None = None
        self._end: Callable[[], object] = lambda: None

    def start(self) -> None:
        """Return once connections are taken. Raises OSError when the address cannot be had."""
        sock = _bind(self._host, self._port)
        self._port = sock.getsockname()[1]
        self._fake.base_url = _url(sock)
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=_run_loop, args=(self._listen(sock, ready),), name=f"fake at {self._fake.base_url}", daemon=True
        )
        self._thread.start()
        ready.result()

    def stop(self) -> None:
        """Return once every connection is closed. Harmless when it does not listen."""
        if self._thread is not None:
            self._end()
            self._thread.join()
            self._thread = None

    async def _listen(self, sock: socket.socket, ready: Future[None]) -> None:
        end = asyncio.Event()
        self._end = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, end.set)
        with sock:
            service = _Service(self._fake)
            try:
                await service.start(sock)
            except OSError as error:
                ready.set_exception(error)
                return
            ready.set_result(None)
            await end.wait()
            await service.stop()


@contextmanager
def running(fake: F, host: str = "127.0.0.1", port: int = 0) -> Iterator[F]:
    """Listen in a thread for the length of a ``with`` block; ``fake.base_url`` says where."""
    listener = Listener(fake, host, port)
    listener.start()
    try:
        yield fake
    finally:
        listener.stop()


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
