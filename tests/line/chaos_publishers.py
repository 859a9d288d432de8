"""The publishers of the chaos proof: they publish numbers key by key, and write down what was sent and acknowledged.

A key belongs to one publisher, which never sends a number again and sends the next one only when it knows what became
of the one before. So what was acknowledged has an order that everybody behind has to keep.
"""

from __future__ import annotations

import base64
import json
import random
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import httpx

from broker.clock import SystemClock

PUBLISHERS: Final = 3
KEYS_EACH: Final = 8
PATH: Final = "/v1/projects/P/topics/T:publish"
_TIMEOUT_S: Final = 10.0
_REST_S: Final = 0.1
_HALF_CLOSED: Final = 0.1
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A message whose publisher was told that it is kept, and where."""

    key: str
    n: int
    offset: int


class Publishers:
    """Threads that publish until ``finish``, whatever happens to the daemon."""

    def __init__(self, port: int, token: str, rng: random.Random) -> None:
        self._port = port
        self._token = token
        self._moved = threading.Condition()
        self._over = threading.Event()
        self._acknowledged: list[Acknowledged] = []
        self._sent: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        seeds = [rng.randrange(1 << 30) for _ in range(PUBLISHERS)]
        self._threads = [threading.Thread(target=self._publish, args=(each, s)) for each, s in enumerate(seeds)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Return once nobody publishes any more. Harmless when it is so already."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(3 * _TIMEOUT_S)

    def wait_for_more(self, count: int, within_s: float) -> bool:
        """Whether so many more were acknowledged in time."""
        with self._moved:
            wanted = len(self._acknowledged) + count
            return self._moved.wait_for(lambda: len(self._acknowledged) >= wanted, within_s)

    @property
    def acknowledged(self) -> list[Acknowledged]:
        """What the daemon took, in the order in which it said so."""
        with self._moved:
            return list(self._acknowledged)

    @property
    def refused(self) -> Counter[str]:
        """How often a publish was not acknowledged, by what came in place of it."""
        with self._moved:
            return Counter(self._refused)

    def was_sent(self, key: str, n: int) -> bool:
        """Whether this was ever published in full, acknowledged or not."""
        with self._moved:
            return 0 <= n < self._sent[key]

    def _publish(self, number: int, seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        keys = [f"p{number}k{each}" for each in range(KEYS_EACH)]
        with httpx.Client(headers={"x-api-key": self._token}, timeout=_TIMEOUT_S) as http:
            while not self._over.is_set():
                batch = [self._next(rng.choice(keys)) for _ in range(rng.randint(1, 4))]
                content = json.dumps({"messages": [{"data": _wire(key, n)} for key, n in batch]}).encode()
                try:
                    is_plain = rng.random() >= _HALF_CLOSED
                    status, body = self._post(http, content) if is_plain else self._post_half_closed(content)
                except (httpx.TransportError, OSError) as error:
                    status, body = type(error).__name__, b""
                self._note(batch, status, body)
                self._over.wait(_REST_S * rng.random() if status == "200" else _REST_S)

    def _next(self, key: str) -> tuple[str, int]:
        with self._moved:
            self._sent[key] += 1
            return key, self._sent[key] - 1

    def _note(self, batch: list[tuple[str, int]], status: str, body: bytes) -> None:
        with self._moved:
            if status != "200":
                self._refused[status] += 1
                return
            offsets = json.loads(body)["messageIds"]
            taken = zip(batch, offsets, strict=True)
            self._acknowledged.extend(Acknowledged(key, n, int(offset)) for (key, n), offset in taken)
            self._moved.notify_all()

    def _post(self, http: httpx.Client, content: bytes) -> tuple[str, bytes]:
        answer = http.post(f"http://127.0.0.1:{self._port}{PATH}", content=content)
        return str(answer.status_code), answer.content

    def _post_half_closed(self, content: bytes) -> tuple[str, bytes]:
        """Publish, say that nothing more will come, and read the answer to its end."""
        head = head_of(self._token, len(content))
        with socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S) as connection:
            connection.sendall(head + content)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return _read_answer(answer)


def _read_answer(answer: bytes) -> tuple[str, bytes]:
    """Status and body of an answer that was read to its end; one that a kill cut short acknowledges nothing."""
    top, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = top.split(b"\r\n")
    words = status.split(b" ", 2)
    if len(words) < 2:
        return "no answer", b""
    lengths = [int(line.partition(b":")[2]) for line in headers if line.lower().startswith(b"content-length:")]
    is_whole = bool(lengths) and len(body) == lengths[0]
    return (words[1].decode() if is_whole else "half an answer"), body


def head_of(token: str, length: int) -> bytes:
    """The head of a publish whose body has so many bytes."""
    lines = (f"POST {PATH} HTTP/1.1", "host: bridge", f"x-api-key: {token}", "content-type: application/json")
    return "\r\n".join((*lines, "connection: close", f"content-length: {length}", "", "")).encode()


def _wire(key: str, n: int) -> str:
    value: dict[str, Any] = {"k": key, "n": n}
    return base64.b64encode(json.dumps(value).encode()).decode()
