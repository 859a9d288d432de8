"""Pushes over real HTTP."""

import contextlib

import pytest
from aiohttp import web

from bridge.push_http import NotPosted, Posted, PushHttp
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
