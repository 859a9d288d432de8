"""Services that speak no HTTP at all, or not to its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.destinations.base import Delivered, Later
from tests.contracts.destinations.observing import OPENERS
from tests.contracts.destinations.over_http import NOBODY, OVER_HTTP
from tests.contracts.destinations.rig import PARCEL

GARBAGE = {
    "noise": b"\x00\xff\x16\x03\x01 what is this\r\n\r\n",
    "a mail server": b"220 mail.example.org ESMTP\r\n",
    "a status line alone": b"HTTP/1.1 200 OK\r\n",
    "half of a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok",
    "a body with no end": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n" + b"x" * 200_000,
    "an odd status": b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
    "odd headers": b"HTTP/1.1 503 No\r\nRetry-After: \xff\r\nX-RateLimit-Reset: many\r\nContent-Length: 0\r\n\r\n",
    "bytes that are no text": b"HTTP/1.1 400 No\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\x01",
}


@contextmanager
def saying(words: bytes) -> Iterator[str]:
    """A server that reads what comes first and answers everybody with the same bytes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                talk, _ = listening.accept()
            except OSError:
                return
            with talk:
                try:
                    talk.settimeout(2)
                    talk.recv(65_536)
                    talk.sendall(words)
                    talk.shutdown(socket.SHUT_WR)
                    while talk.recv(65_536):
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


@pytest.mark.parametrize("words", GARBAGE)
@pytest.mark.parametrize("kind", [opener.__name__ for opener in OVER_HTTP if opener.__name__ != "apprise"])
async def test_garbage_in_place_of_an_answer_is_an_outcome(kind: str, words: str, tmp_path: Path) -> None:
    async with OPENERS[kind](tmp_path) as rig:
        assert rig.nowhere is not None
        with saying(GARBAGE[words]) as there:
            elsewhere = {name: said.replace(NOBODY, f"http://{there}") for name, said in rig.nowhere.items()}
            async with rig.at_work(**elsewhere) as destination:
                outcome = await destination.deliver(PARCEL)
                asked = await destination.probe()
    if words == "half of a body" and kind in ("mattermost", "slack", "webhook"):
        assert isinstance(outcome, Delivered), "the status line was read, and so much of the body as matters"
    elif words in ("noise", "a mail server", "a status line alone", "half of a body"):
        assert isinstance(outcome, Later), outcome
        assert outcome.unclear or "not" in outcome.reason
    assert asked is not None
