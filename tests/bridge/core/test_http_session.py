"""Asking once over real connections: through proxies, with a name and a password, from services that answer oddly."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.contract.http_trials import garbage_server
from bridge.core.fetching import CallBounds, Fetched, NoAnswer
from bridge.core.http_session import LenientConnector, fetch, make_session
from bridge.fakes.webhook import FakeWebhook
from bridge.push.http import PushHttp
from broker.clock import SystemClock
from tests.fakes.certificates import TestAuthority

BOUNDS = CallBounds(timeout_s=5.0, longest_bytes=1_000)


@asynccontextmanager
async def a_proxy(seen: list[bytes]) -> AsyncIterator[str]:
    """Makes connections as it is asked to by CONNECT."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        seen.append(asked)
        host, port = asked.split()[1].decode().split(":")
        there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer), return_exceptions=True)

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        yield f"http://proxy-user:word@127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_tls_goes_through_a_proxy(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    authority, seen = TestAuthority(tmp_path), list[bytes]()
    pair = authority.server()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(pair.certificate, pair.key)
    trusted = ssl.create_default_context(cafile=str(authority.certificate))
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    async with server, a_proxy(seen) as proxy, make_session(LenientConnector(ssl=trusted)) as session:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        assert await fetch(session, "GET", url, BOUNDS, SystemClock(), proxy=proxy) == Fetched(200, b"ok")
    assert len(seen) == 1
    assert base64.b64encode(b"proxy-user:word") in seen[0]


async def test_a_name_and_a_password_in_a_push_endpoint_go_out_as_basic(webhook_receiver: FakeWebhook) -> None:
    url = webhook_receiver.base_url.replace("http://", "http://user:w%C3%B6rd@")
    client = PushHttp(SystemClock(), allow_private=True)
    await client.post(url, b"x", {})
    await client.post(url, b"x", {"authorization": "other"})
    await client.close()
    told = [each.header("authorization") for each in webhook_receiver.requests]
    assert told == ["Basic " + base64.b64encode("user:w\u00f6rd".encode()).decode(), "other"]
    assert {each.header("accept-encoding") for each in webhook_receiver.requests} == {"identity"}


@pytest.mark.parametrize(
    "url", ["nonsense", "http://user:word@", "http://user:word@127.0.0.1:1/", "http://a:word@b:c/"]
)
async def test_why_there_was_no_answer_is_told_without_the_password(url: str) -> None:
    async with make_session(LenientConnector()) as session:
        with pytest.raises(NoAnswer) as told:
            await fetch(session, "POST", url, BOUNDS, SystemClock())
    assert "word" not in str(told.value)


async def test_a_packed_answer_is_read_within_its_bound() -> None:
    bomb = gzip.compress(b"a" * 10_000_000, mtime=0)
    said = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(bomb), bomb)
    with garbage_server(said) as there:
        async with make_session(LenientConnector()) as session:
            told = await fetch(session, "GET", f"http://{there}/", CallBounds(5.0, 64_000), SystemClock())
    assert told == Fetched(200, b"a" * 64_000)


async def test_connections_are_used_again_only_after_answers_without_doubt() -> None:
    connections, ended = 0, asyncio.Semaphore(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok"
        for number in range(9):
            if not await reader.readline():
                break
            while (await reader.readline()).strip():
                pass
            writer.write(said[number % 2])
        writer.close()
        ended.release()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, make_session(LenientConnector()) as session:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        told = [await fetch(session, "GET", url, BOUNDS, SystemClock()) for _ in range(4)]
        await session.close()
        for _ in range(2):
            await ended.acquire()
    assert [each.status for each in told] == [200, 204, 200, 204]
    assert connections == 2


async def test_a_name_is_looked_up_as_idna_2008_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def look_up(loop: asyncio.AbstractEventLoop, host: str, *how: object, **more: object) -> list[object]:
        asked.append(host)
        raise OSError("no such name")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
    async with make_session(LenientConnector()) as session:
        for host in ("straße.example", "stra☃ße.example"):
            with pytest.raises(NoAnswer):
                await fetch(session, "GET", f"http://{host}/", BOUNDS, SystemClock())
    assert "strasse.example" not in asked
    assert asked[0] == "xn--strae-oqa.example"
    assert not any("strass" in name for name in asked)
