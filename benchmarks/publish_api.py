"""What the AMS API costs: publishes per second through it, against a bare ASGI app doing the same durable append.

``python benchmarks/publish_api.py [--rounds N] [--seconds S] [--store sqlite|memory]`` prints a table. Both servers run
in processes of their own, on the same kind of server (uvicorn, uvloop, httptools) and store, and are loaded in turn,
round by round, so that what else the machine does falls on both. ``ratio`` is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from rich.console import Console
from rich.table import Table

from bridge.api.call import ApiPorts, ApiSettings, VerificationAnswer
from bridge.api.dispatch import ams_app
from broker.broker import Broker, BrokerSettings
from broker.clock import SystemClock
from broker.engines import open_store
from broker.model import NewMessage
from broker.store import Store
from broker.tokens import digest_of_token
from broker.users import Grants

_CLOCK = SystemClock()
TOKEN = "benchmark-token"
TOPIC_UID = "11111111-1111-4111-8111-111111111111"
PATH = "/v1/projects/P/topics/T:publish"
TEXT = base64.b64encode(b"x" * 768).decode()  # 1 KiB as it travels


class _Message(msgspec.Struct):
    data: str = ""
    attributes: dict[str, str] = {}


class _Publish(msgspec.Struct):
    messages: list[_Message] = []


def bare_app(store: Store) -> Any:
    """The least an app can do: read, parse, append, answer."""
    decoder = msgspec.json.Decoder(_Publish)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            event = await receive()
            body += event["body"]
            if not event["more_body"]:
                break
        messages = [NewMessage(one.data, one.attributes) for one in decoder.decode(body).messages]
        appended = await store.log.append(TOPIC_UID, messages)
        ids = [str(offset) for offset in range(appended.first, appended.first + appended.count)]
        answer = msgspec.json.encode({"messageIds": ids})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


async def our_app(store: Store) -> Any:
    """The AMS API with a publisher on the topic's access list, as in earnest."""
    clock = SystemClock()
    broker = Broker(store, clock, BrokerSettings(sealing_key=bytes(32)))
    await broker.load()
    project = await broker.projects.create("P")
    user = await broker.users.create("u", grants=Grants(projects=[("P", ["publisher"])]), token=TOKEN)
    topic = await broker.topics.create(project, "T")
    await broker.topics.set_acl(topic, [user.uid])

    async def fetch(url: str) -> VerificationAnswer:
        return VerificationAnswer(404, b"")

    outside = ApiPorts(fetch=fetch, push_status=lambda subscription: "", nodes=list)
    return ams_app(broker, ApiSettings(service_token_digest=digest_of_token(b"other")), outside)


async def serve(which: str, url: str, fd: int) -> None:
    """Run one of the two until SIGTERM."""
    store = await open_store(url, SystemClock())
    app = bare_app(store) if which == "bare" else await our_app(store)
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False)
    try:
        await uvicorn.Server(config).serve(sockets=[socket.socket(fileno=fd)])
    finally:
        await store.close()


class _Connection(asyncio.Protocol):
    """Sends the same request again as soon as the answer is whole."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._waiting = b""
        self.answers = 0
        self.running = True

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, blank, body = self._waiting.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self._waiting.decode())
        self._waiting = b""
        self.answers += 1
        if self.running:
            self._transport.write(self._request)


async def load(port: int, connections: int, messages: int, seconds: float) -> float:
    """Messages per second answered over so many connections."""
    body = json.dumps({"messages": [{"data": TEXT, "attributes": {"k": "v"}}] * messages}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    loop = asyncio.get_running_loop()
    request = head.encode() + body
    made = [await loop.create_connection(lambda: _Connection(request), "127.0.0.1", port) for _ in range(connections)]
    await _CLOCK.sleep(0.3)
    begun, before = time.perf_counter(), sum(one.answers for _, one in made)
    await _CLOCK.sleep(seconds)
    answers, took_s = sum(one.answers for _, one in made) - before, time.perf_counter() - begun
    for _, one in made:
        one.running = False
    await _CLOCK.sleep(0.2)
    for transport, _ in made:
        transport.close()
    return answers * messages / took_s


@contextlib.contextmanager
def running(which: str, url: str, processor: int) -> Iterator[int]:
    """One server in a process of its own, on that processor; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        port = listening.getsockname()[1]
        fd = listening.fileno()
        told = ["--serve", which, "--url", url, "--fd", str(fd), "--processor", str(processor)]
        process = subprocess.Popen([sys.executable, __file__, *told], pass_fds=[fd])
        try:
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@dataclass(frozen=True)
class Case:
    """So many connections, so many messages to a request."""

    connections: int
    messages: int
    wanted: float


CASES = (Case(64, 1, 0.8), Case(16, 100, 0.7))


def compare(rounds: int, seconds: float, store: str, processor: int) -> None:
    """Load both in turn and print what came of it."""
    table = Table("connections", "messages", "bare msg/s", "ours msg/s", "ratio", "wanted")
    with tempfile.TemporaryDirectory() as folder:
        urls = {
            which: "memory" if store == "memory" else f"sqlite://{Path(folder)}/{which}.db"
            for which in ("bare", "ours")
        }
        with running("bare", urls["bare"], processor) as bare, running("ours", urls["ours"], processor) as ours:
            asyncio.run(_CLOCK.sleep(1.5))
            for case in CASES:
                found = []
                for n in range(rounds):
                    ports = {"bare": bare, "ours": ours}
                    order = list(ports) if n % 2 else list(ports)[::-1]
                    found.append(
                        {w: uvloop.run(load(ports[w], case.connections, case.messages, seconds)) for w in order}
                    )
                ratio = statistics.median(one["ours"] / one["bare"] for one in found)
                table.add_row(
                    str(case.connections),
                    str(case.messages),
                    f"{statistics.median(one['bare'] for one in found):,.0f}",
                    f"{statistics.median(one['ours'] for one in found):,.0f}",
                    f"{ratio:.2f}",
                    f"{case.wanted:.2f}",
                )
    Console().print(table)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--store", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--serve", choices=["bare", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--url", default="memory", help=argparse.SUPPRESS)
    parser.add_argument("--processor", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        os.sched_setaffinity(0, {asked.processor})
        uvloop.run(serve(asked.serve, asked.url, asked.fd))
        return
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[-1]})
    compare(asked.rounds, asked.seconds, asked.store, processors[0])


if __name__ == "__main__":
    main()
