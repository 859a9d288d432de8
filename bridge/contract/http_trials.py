"""Cases that every service over HTTP can be put into: its common answers, and trouble on the way to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from bridge.contract.rig import HURRIED, Trial
from bridge.fakes.trouble import Answer, Close, Hang, Trouble, proxy_page, redirect

SIGN_IN: Final = "200 with a sign-in page"
NOBODY: Final = "http://127.0.0.1:9"
"""An address at which nobody listens."""
WRITES: Final = ("POST", "PUT", "PATCH")

GARBAGE: Final[Mapping[str, bytes]] = {
    "noise": b"\x00\xff\x16\x03\x01 what is this\r\n\r\n",
    "a mail server": b"220 mail.example.org ESMTP\r\n",
    "a status line alone": b"HTTP/1.1 200 OK\r\n",
    "half of a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok",
    "a body with no end": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + b"x" * 200_000,
    "an odd status": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "odd headers": b"HTTP/1.1 503 No\r\nRetry-After: \xff\r\nX-RateLimit-Reset: many\r\nContent-Length: 0\r\n\r\n",
    "bytes that are no text": b"HTTP/1.1 400 No\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\x01",
}
"""What may come in place of an answer, by what it is called."""
UNANSWERED: Final = frozenset({"noise", "a mail server", "a status line alone", "half of a body"})
"""Garbage after which nobody can know whether the request was served."""


def answers(status: int, body: str = "no", **headers: str) -> Callable[[Any], object]:
    """Arrange that a service gives this answer to its next request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda service: service.script.next(Answer(status, body, named))


def troubles(trouble: Trouble) -> Callable[[Any], object]:
    """Arrange that a service meets this trouble at its next request."""
    return lambda service: service.script.next(trouble)


def http_trials(nowhere: Mapping[str, Any]) -> list[Trial]:
    """The trials of every service over HTTP; ``nowhere`` are settings that lead to where nobody listens."""
    return [
        Trial("accepted"),
        Trial("301 or 302", troubles(redirect("http://127.0.0.1:9/elsewhere"))),
        Trial("400", answers(400)),
        Trial("401", answers(401)),
        Trial("403", answers(403)),
        Trial("404", answers(404)),
        Trial("407, from a proxy on the way", answers(407)),
        Trial("408", answers(408)),
        Trial("410", answers(410)),
        Trial("413", answers(413)),
        Trial("429 with `Retry-After: 7`", answers(429, retry_after="7")),
        Trial("500", answers(500)),
        Trial("501", answers(501)),
        Trial("502 or 504", answers(502)),
        Trial("503 with `Retry-After: 120`", answers(503, retry_after="120")),
        Trial(SIGN_IN, troubles(proxy_page())),
        Trial("nobody listens", config=nowhere),
        Trial("the connection is closed after the request", troubles(Close())),
        Trial("the connection is reset when the post stands", troubles(Close(at="after_accepting", reset=True))),
        Trial("no answer in time", troubles(Hang()), config=HURRIED),
        Trial("no answer in time when the post stands", troubles(Hang("after_accepting")), config=HURRIED),
    ]


def writes(service: Any) -> list[Any]:
    """The requests that asked a stand-in to take something, in order."""
    return [each.request for each in service.attempts if each.request.method in WRITES]


@contextmanager
def garbage_server(garbage: bytes) -> Iterator[str]:
    """A server on loopback that reads what comes first and answers everybody with the same bytes; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.settimeout(2)
                    connection.recv(65_536)
                    connection.sendall(garbage)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass
                except OSError:
                    continue

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
