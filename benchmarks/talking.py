"""A client that costs as little as it can: the same connections, one request after the other, read by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.machine import cpu_s
from broker.clock import SystemClock

TOKEN = "benchmark-token"
_CLOCK = SystemClock()


class Speaker(Protocol):
    """What is said on one connection, and how many messages went over it."""

    messages: int

    def say(self, answer: bytes | None) -> bytes:
        """The next request, after the body of the last answer (None at first)."""


class Publisher:
    """Publishes the same batch again and again."""

    def __init__(self, request: bytes, batch: int) -> None:
        self.messages = 0
        self._request = request
        self._batch = batch

    def say(self, answer: bytes | None) -> bytes:
        """See Speaker."""
        if answer is not None:
            self.messages += self._batch
        return self._request


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and which process."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Messages a second, and the server's processor time for each, in microseconds."""

    per_s: float
    cpu_us: float


def request(path: str, body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """Passes each answer on as soon as it is whole. ``broken`` holds what went wrong."""

    def __init__(self, answered: Callable[[Connection, bytes], None]) -> None:
        self._answered = answered
        self._waiting = b""
        self._is_done = False
        self._transport: Any = None
        self.broken = ""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        self._transport = transport

    def send(self, whole: bytes) -> None:
        """Send a request; its answer must have come before the next."""
        self._transport.write(whole)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._waiting += data
        head, blank, body = self._waiting.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return
        self._waiting = b""
        if not head.startswith(b"HTTP/1.1 200"):
            self.broken = (head + b" " + body).decode()
            self.close()
            return
        self._answered(self, body)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if not self._is_done:
            self.broken = self.broken or "the connection was closed"
        if not self.closed.done():
            self.closed.set_result(None)

    def close(self) -> None:
        """Say no more."""
        self._is_done = True
        self._transport.close()


async def connect(port: int, answered: Callable[[Connection, bytes], None]) -> Connection:
    """A connection to a server on this machine."""
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(lambda: Connection(answered), "127.0.0.1", port)
    return made


async def load(server: Server, speakers: Sequence[Speaker], seconds: float) -> Measured:
    """Let each speaker talk on a connection of its own, and count for so long. Raises RuntimeError for a bad answer."""
    talking = True
    made: list[Connection] = []
    for speaker in speakers:

        def answered(connection: Connection, body: bytes, speaker: Speaker = speaker) -> None:
            following = speaker.say(body)
            if talking:
                connection.send(following)

        made.append(await connect(server.port, answered))
    for speaker, connection in zip(speakers, made, strict=True):
        connection.send(speaker.say(None))
    await _CLOCK.sleep(seconds / 4)
    begun, before, cpu_before = time.perf_counter(), _sum(speakers), cpu_s(server.pid)
    await _CLOCK.sleep(seconds)
    count, took_s, cpu = _sum(speakers) - before, time.perf_counter() - begun, cpu_s(server.pid) - cpu_before
    talking = False
    broken = next((one.broken for one in made if one.broken), "")
    await _CLOCK.sleep(seconds / 8)
    for connection in made:
        connection.close()
    if broken:
        raise RuntimeError(f"the server answered: {broken}")
    return Measured(count / took_s, cpu / max(count, 1) * 1e6)


def _sum(speakers: Sequence[Speaker]) -> int:
    return sum(one.messages for one in speakers)
