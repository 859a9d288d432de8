"""Pulls from a remote AMS whose proxies write, pack and cut its answers as they like."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bridge.core.http_session import LenientConnector, make_session
from bridge.core.secret import Secret
from bridge.sources.ams import AmsSource, AmsSourceConfig, RemoteTrouble
from broker.clock import SystemClock
from broker.model import Appended, NewMessage
from tests.fakes.certificates import TestAuthority
from tests.fakes.deliveries import seeded

MESSAGE = {"messageId": "7", "publishTime": "2026-01-01T00:00:00Z", "data": "eA==", "attributes": {}}
PULLED = msgspec.json.encode({"receivedMessages": [{"ackId": "projects/P/subscriptions/s:7", "message": MESSAGE}]})
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n"
PACKED = gzip.compress(PULLED, mtime=0)


class Remote:
    """Answers pulls with what it is told to, everything else with ``{}``, and keeps the heads of what it was asked."""

    def __init__(self, pulled: bytes) -> None:
        self.asked: list[bytes] = []
        self._pulled = pulled

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection once."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        writer.write(self._pulled if b":pull" in head else OK + b"Content-Length: 9\r\n\r\n{}")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def a_source(pulled: bytes, folder: Path, who: str = "") -> AsyncIterator[tuple[Remote, AmsSource, list[str]]]:
    """A source, the remote it pulls from, and the data that it appended."""
    authority, remote, kept = TestAuthority(folder), Remote(pulled), list[str]()
    pair = authority.server()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)

    async def append(messages: Sequence[NewMessage], producer_key: str) -> Appended:
        assert "word" not in producer_key
        kept.extend(message.data for message in messages)
        return Appended(len(kept) - len(messages), len(messages), False)

    async def put_aside(refused: object, why: str) -> None:
        raise AssertionError(why)

    async with await asyncio.start_server(remote.answer, "127.0.0.1", 0, ssl=tls) as server:
        endpoint = f"{who}localhost:{server.sockets[0].getsockname()[1]}"
        config = AmsSourceConfig(
            topic="projects/A/topics/t",
            endpoint=endpoint,
            project="P",
            subscription="s",
            token=Secret("t0ken"),
            ca=authority.certificate,
        )
        yield remote, AmsSource(config, "s", append, put_aside, SystemClock(), seeded()), kept


@pytest.mark.parametrize(
    "pulled",
    [
        OK + b"Policy: " + b"a" * 9_000 + b"\r\n" + LENGTH % len(PULLED) + b"\r\n" + PULLED,
        OK + LENGTH % len(PULLED) * 2 + b"\r\n" + PULLED,
        OK + b"Content-Encoding: gzip\r\n" + LENGTH % len(PACKED) + b"\r\n" + PACKED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n" + PULLED,
        OK + b"Transfer-Encoding: chunked\r\n\r\n%x \n" % len(PULLED) + PULLED + b"\n0\n\n",
    ],
    ids=["a long header", "a length told twice", "packed", "100 first", "oddly chunked"],
)
async def test_what_was_pulled_is_kept_and_acknowledged(pulled: bytes, tmp_path: Path) -> None:
    async with a_source(pulled, tmp_path) as (remote, source, kept):
        await pull_once(source, tmp_path)
    assert kept == ["eA=="]
    assert len(remote.asked) == 2
    assert all(b"accept-encoding: identity" in head.lower() for head in remote.asked)


async def test_a_pull_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    async with a_source(OK + LENGTH % 9_999 + b"\r\n" + PULLED, tmp_path) as (_, source, kept):
        with pytest.raises(RemoteTrouble, match="could not be read: cut short"):
            await pull_once(source, tmp_path)
    assert kept == []


async def test_what_the_remote_says_is_shown_without_control_characters(tmp_path: Path) -> None:
    said = b"HTTP/1.1 500 No\r\n\r\n\x1b[31mno\x1b[0m \x07luck"
    async with a_source(said, tmp_path) as (_, source, _):
        with pytest.raises(RemoteTrouble, match=r"^pull: HTTP 500: no luck$"):
            await pull_once(source, tmp_path)


async def test_a_name_and_a_password_before_the_endpoint_go_out_as_basic(tmp_path: Path) -> None:
    pulled = OK + LENGTH % len(PULLED) + b"\r\n" + PULLED
    async with a_source(pulled, tmp_path, "user:word@") as (remote, source, kept):
        await pull_once(source, tmp_path)
    assert kept == ["eA=="]
    header = b"Authorization: Basic " + base64.b64encode(b"user:word")
    assert all(header in head for head in remote.asked)


async def pull_once(source: AmsSource, folder: Path) -> None:
    tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    async with make_session(LenientConnector(ssl=tls, limit=1)) as http:
        await source.step(http)
