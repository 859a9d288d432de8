"""Pushes over real HTTP."""

import asyncio
import contextlib
import gzip
from importlib.metadata import version

import pytest
from aiohttp import web

from bridge.api.ports import LivePorts
from bridge.contract.http_trials import garbage_server
from bridge.push.http import NotPosted, Posted, PushHttp
from broker.clock import SystemClock


@contextlib.asynccontextmanager
async def an_endpoint():
    seen = []

    async def receive(request):
        seen.append((request.path, await request.read(), request.headers.get("Authorization")))
        if request.path == "/away":
            raise web.HTTPFound("/in")
        return web.Response(status=204 if request.path == "/in" else 500, text="" if request.path == "/in" else "why")

    app = web.Application()
    app.router.add_post("/{name}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}", seen
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def another_endpoint(answer):
    """An endpoint that answers everything in one way."""
    app = web.Application()
    app.router.add_route("*", "/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def a_client(*, allow_private=True):
    client = PushHttp(SystemClock(), allow_private=allow_private)
    try:
        yield client
    finally:
        await client.close()


async def test_a_body_arrives_with_its_headers():
    async with an_endpoint() as (url, seen), a_client() as client:
        assert await client.post(f"{url}/in", b"body", {"Authorization": "AUTHZ"}) == Posted(204, b"")
        assert await client.post(f"{url}/bad", b"x", {}) == Posted(500, b"why")
        assert seen == [("/in", b"body", "AUTHZ"), ("/bad", b"x", None)]


async def test_redirects_are_not_followed():
    async with an_endpoint() as (url, seen), a_client() as client:
        assert (await client.post(f"{url}/away", b"x", {})).status == 302
        assert [path for path, _, _ in seen] == ["/away"]


async def test_private_addresses_are_reached_only_where_allowed():
    async with an_endpoint() as (url, seen), a_client(allow_private=False) as client:
        for target in (url, url.replace("127.0.0.1", "localhost")):
            with pytest.raises(NotPosted, match="private address"):
                await client.post(f"{target}/in", b"x", {})
        assert seen == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "http://"])
async def test_no_answer_is_told(url):
    async with a_client() as client:
        with pytest.raises(NotPosted):
            await client.post(url, b"x", {})


async def test_pushes_and_verifications_say_who_asks():
    async with a_client() as client:
        said = []

        async def note(request):
            said.append(request.headers["User-Agent"])
            return web.Response(text="hash")

        async with another_endpoint(note) as asked:
            await client.post(f"{asked}/in", b"body", {})
            await LivePorts(SystemClock(), allow_private=True).fetch(f"{asked}/ams_verification_hash")
        assert said == [f"ams-bridge/{version('ams-bridge')}"] * 2


async def test_an_answer_with_a_long_header_or_a_body_cut_short_is_decided_by_its_status():
    async def long_header(request):
        return web.Response(status=200, headers={"X-Long": "x" * 30_000})

    async def cut_short(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
        writer.close()

    async with another_endpoint(long_header) as url, a_client() as client:
        assert (await client.post(f"{url}/in", b"x", {})).status == 200
    server = await asyncio.start_server(cut_short, "127.0.0.1", 0)
    async with server, a_client() as client:
        port = server.sockets[0].getsockname()[1]
        assert (await client.post(f"http://127.0.0.1:{port}/", b"", {})).status == 200


@pytest.mark.parametrize(
    ("said", "posted"),
    [
        (b"HTTP/1.1 200 OK\r\nPolicy: " + b"a" * 9_000 + b"\r\nContent-Length: 2\r\n\r\nok", Posted(200, b"ok")),
        (b"HTTP/1.1 201 Made\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", Posted(201, b"ok")),
        (b"HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\nok", Posted(204, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", Posted(200, b"ok", "cut short")),
        (
            b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"why not", mtime=0),
            Posted(500, b"why not"),
        ),
    ],
    ids=["a long header", "a length told twice", "204 and a body", "cut short", "packed"],
)
async def test_a_push_is_decided_by_the_status_however_the_answer_is_written(said, posted):
    with garbage_server(said) as there:
        async with a_client() as client:
            assert await client.post(f"http://{there}/in", b"x", {}) == posted
