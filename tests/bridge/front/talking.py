"""A real server with an app that says what it was asked, and clients that speak bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bridge.app.server import HttpServer, Tls
from bridge.front.connection_table import ConnectionTable
from bridge.front.limits import ConnectionLimits
from broker.clock import ManualClock, SystemClock
from tests.fakes.certificates import TestAuthority


@dataclass
class Echo:
    """Answers with what it was asked, as JSON; what it is asked at ``/wait`` it answers when told to."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    disconnects: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.set()
        if scope["path"] == "/early":
            await self._answer(send, b"{}", 413)
            return
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body += event["body"]
            if not event["more_body"]:
                break
        if scope["path"] == "/wait":
            await self.go_on.wait()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append({"path": scope["path"], "body": body.decode("latin-1"), "headers": headers})
        size = int(scope["query_string"] or 0)
        await self._answer(send, json.dumps(self.asked[-1]).encode() + b" " * size, 200)

    async def _answer(self, send: Any, body: bytes, status: int) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    """A server, its app, its table and its time."""

    server: HttpServer
    app: Echo
    table: ConnectionTable
    clock: ManualClock
    trust: ssl.SSLContext | None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection, over TLS where the server speaks it."""
        name = "localhost" if self.trust else None
        return await asyncio.open_connection("127.0.0.1", self.server.port, ssl=self.trust, server_hostname=name)

    async def ask(self, *pieces: bytes) -> bytes:
        """Everything the server says to these bytes until it closes, which it does after its answers."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await pause(0.01)
        can_end = writer.can_write_eof()
        if can_end:
            writer.write_eof()
        try:
            return await said(reader, 10 if can_end else 0.5)
        finally:
            writer.close()

    async def status(self, *pieces: bytes) -> int:
        """The status of the answer to these bytes; 0 when there is none."""
        return status_of(await self.ask(*pieces))

    async def until(self, condition: Any) -> None:
        """Wait for something that the loop brings about."""
        for _ in range(500):
            if condition():
                return
            await pause(0.01)
        raise AssertionError("it did not come about")


async def pause(seconds: float = 0.02) -> None:
    """Let the network carry what was sent."""
    await SystemClock().sleep(seconds)


async def said(reader: asyncio.StreamReader, wait_s: float = 0.5) -> bytes:
    """What is said until the end, or until nothing has come for a while."""
    text = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while True:
            async with SystemClock().timeout(wait_s):
                data = await reader.read(65536)
            if not data:
                break
            text += data
    return text


def status_of(answer: bytes) -> int:
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def a_post(body: bytes, *headers: bytes, path: bytes = b"/x") -> bytes:
    length = b"content-length: %d" % len(body)
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", b"host: x", *headers, length]) + b"\r\n\r\n" + body


@contextlib.asynccontextmanager
async def running(tls_folder: Path | None = None, hsts_s: float = 0, **limits: Any) -> AsyncIterator[Running]:
    """A server with these limits, over TLS when it is given a folder for its certificate."""
    clock, app = ManualClock(), Echo()
    table = ConnectionTable(replace(ConnectionLimits(), **limits), clock)
    tls, trust = None, None
    if tls_folder is not None:
        authority = TestAuthority(tls_folder)
        pair = authority.server()
        tls = Tls(pair.certificate, pair.key)
        trust = ssl.create_default_context(cafile=str(authority.certificate))
    server = HttpServer(app, "127.0.0.1:0", tls, table, clock, hsts_s=hsts_s)
    await server.start()
    try:
        yield Running(server, app, table, clock, trust)
    finally:
        app.go_on.set()
        await server.stop()
