"""What the machine can do at best, in processes of their own: a bare ASGI app, a bare HTTP client, SQLite alone.

The app sits on the same server (uvicorn, uvloop, httptools) and the same store as the daemon, and does the same durable
steps for a request, and nothing else: no tokens, no access lists, no errors, no metrics. With somewhere to forward to,
it posts each message there at once, out of memory, with the client that destinations use.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import uvicorn
import uvloop

from benchmarks.aside import Aside, aside
from benchmarks.daemon import CONCURRENCY
from benchmarks.machine import pin
from benchmarks.talking import Server
from bridge.destinations.base import Delivered
from bridge.destinations.kit.http_call import HttpAnswer, outcome_of, send
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.kit.redact import Redactor
from broker.clock import SystemClock
from broker.engines import open_store
from broker.engines.sqlite.opening import PAGE_BYTES, connect_writer
from broker.model import Cursor, NewMessage
from broker.store import Store

TOPIC_UID: Final = "11111111-1111-4111-8111-111111111111"
_JSON: Final = (b"content-type", b"application/json")
_NOTHING_SECRET: Final = Redactor([])


class _Message(msgspec.Struct):
    data: str = ""
    attributes: dict[str, str] = {}


class _Publish(msgspec.Struct):
    messages: list[_Message] = []


class BareApp:
    """Publish, pull, acknowledge and modifyOffset, told apart by the end of the path."""

    def __init__(self, store: Store, forward: str = "") -> None:
        self._store = store
        self._decoder = msgspec.json.Decoder(_Publish)
        self._cursors: dict[str, Cursor] = {}
        self._forward = forward
        self._http = make_client(connections=CONCURRENCY, timeout_s=10.0)
        self._posts: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = b""
        while True:
            event = await receive()
            body += event["body"]
            if not event["more_body"]:
                break
        name, _, verb = scope["path"].rpartition(":")
        answer = msgspec.json.encode(await getattr(self, verb)(name, body))
        headers = [_JSON, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def publish(self, _: str, body: bytes) -> object:
        """Append; and post, when there is somewhere to."""
        messages = [NewMessage(one.data, one.attributes) for one in self._decoder.decode(body).messages]
        appended = await self._store.log.append(TOPIC_UID, messages)
        if self._forward:
            for message in messages:
                post = asyncio.create_task(_posted_once(self._http, self._forward, message.data.encode(), {}))
                self._posts.add(post)
                post.add_done_callback(self._posts.discard)
        return {"messageIds": [str(offset) for offset in range(appended.first, appended.first + appended.count)]}

    async def pull(self, name: str, _: bytes) -> object:
        """A hundred messages from the cursor on, and the cursor stored, as the AMS window is."""
        cursor = self._cursors.get(name) or Cursor(f"s/{name}", 0)
        found = await self._store.log.read(TOPIC_UID, cursor.offset, 100, 1 << 20)
        self._cursors[name] = await self._store.cursors.put(cursor)
        messages = [
            {
                "ackId": f"{name}:{one.offset}",
                "message": {
                    "messageId": str(one.offset),
                    "attributes": one.attributes,
                    "data": one.data,
                    "publishTime": str(one.publish_time_us),
                },
            }
            for one in found
        ]
        return {"receivedMessages": messages}

    async def acknowledge(self, name: str, body: bytes) -> object:
        """The cursor behind the id."""
        offset = int(msgspec.json.decode(body)["ackIds"][0].rpartition(":")[2]) + 1
        self._cursors[name] = await self._store.cursors.put(replace(self._cursors[name], offset=offset))
        return {}

    async def modifyOffset(self, name: str, _: bytes) -> object:  # noqa: N802 - AMS's word for it
        """Back to the start."""
        self._cursors[name] = await self._store.cursors.put(replace(self._cursors[name], offset=0))
        return {}


def _serve(pipe: Connection, url: str, forward: str, pinned: bool, tls: tuple[str, str] | None) -> None:
    if pinned:
        pin(0, server=True)
    uvloop.run(_served(pipe, url, forward, tls or (None, None)))


async def _served(pipe: Connection, url: str, forward: str, tls: tuple[str | None, str | None]) -> None:
    store = await open_store(url, SystemClock())
    config = uvicorn.Config(
        BareApp(store, forward),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        ssl_certfile=tls[0],
        ssl_keyfile=tls[1],
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        pipe.send(listening.getsockname()[1])
        await server.serve(sockets=[listening])


@contextlib.contextmanager
def bare_server(
    folder: Path, *, forward: str = "", pinned: bool = False, tls: tuple[str, str] | None = None
) -> Iterator[Server]:
    """The bare app over a store in ``folder`` (an existing one is used); ``tls`` names certificate and key."""
    folder.mkdir(parents=True, exist_ok=True)
    with aside(_serve, f"sqlite://{folder / 'bridge.db'}", forward, pinned, tls) as told:
        yield Server(told.hear(), told.pid)


def _post(pipe: Connection) -> None:
    uvloop.run(_posted(pipe))


async def _posted(pipe: Connection) -> None:
    http = make_client(connections=CONCURRENCY, timeout_s=10.0)
    pipe.send("ready")
    while True:
        url, body, count, at_once = await asyncio.to_thread(pipe.recv)
        left = iter(range(count))

        async def post(url: str = url, body: bytes = body, left: Iterator[int] = left) -> None:
            for number in left:
                headers = {"Content-Type": "application/json", "Idempotency-Key": f"{number:032x}"}
                await _posted_once(http, url, body, headers)

        began = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(at_once)))
        pipe.send(count / (time.perf_counter() - began))


async def _posted_once(http: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> None:
    """As destinations post. Raises RuntimeError unless it was taken."""
    answer = await send(http, http.build_request("POST", url, content=body, headers=headers), _NOTHING_SECRET)
    outcome = outcome_of(answer, 0, _NOTHING_SECRET) if isinstance(answer, HttpAnswer) else answer
    if outcome != Delivered():
        raise RuntimeError(f"the receiver answered: {answer}")


class BareClient:
    """The HTTP client of destinations, posting the same body over and over."""

    def __init__(self, told: Aside) -> None:
        self._told = told
        told.hear()

    def rate(self, url: str, body: bytes, count: int, at_once: int = CONCURRENCY) -> float:
        """Posts per second, as many at once as the daemon makes unless something else is asked for."""
        per_s: float = self._told.ask((url, body, count, at_once))
        return per_s


@contextlib.contextmanager
def bare_client() -> Iterator[BareClient]:
    """The client in a process of its own."""
    with aside(_post) as told:
        yield BareClient(told)


def raw_inserts(folder: Path, rows: int, seconds: float, text: str) -> float:
    """Rows per second that one SQLite connection inserts, ``rows`` to a transaction, as durable as the store."""
    path = folder / f"raw-{rows}.db"
    db = connect_writer(path)
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS m (o INTEGER PRIMARY KEY, at INTEGER, data TEXT)")
    start = offset = db.execute("SELECT coalesce(max(o) + 1, 0) FROM m").fetchone()[0]
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO m VALUES (?, 1, ?)", [(offset + n, text) for n in range(rows)])
        db.execute("COMMIT")
        offset += rows
    per_s = (offset - start) / (time.perf_counter() - began)
    db.close()
    return float(per_s)
