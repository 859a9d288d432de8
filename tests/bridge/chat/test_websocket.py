"""The bot's end of the websocket, against servers that do not keep to the rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bridge.chat.events import ChatPost, Reaction
from bridge.chat.websocket import Connection, Lost, connect_websocket
from bridge.core.secret import Secret
from bridge.destinations.kit.redact import Redactor
from bridge.fakes.mattermost import FakeMattermost

TOKEN = Secret("abcdefghijklmnopqrstuvwxyz")
HELLO = {"event": "hello", "data": {}, "seq": 0}
Speak = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def a_server(answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server on a free port of loopback that answers every request so."""
    server = web.Server(answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await server.shutdown(0.1)


def speaking(speak: Speak) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """Answer with a websocket over which ``speak`` has the word once the challenge came."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        await speak(socket)
        await socket.receive()
        return socket

    return answer


async def lost_over(url: str, then: Callable[[Connection], Awaitable[object]] | None = None) -> str:
    """Why the connection was lost."""
    with pytest.raises(Lost) as lost:
        async with connect_websocket(url, TOKEN, 1.0, Redactor([TOKEN])) as line:
            await (then or Connection.receive)(line)
    return str(lost.value)


def event(name: str, seq: int, **data: Any) -> dict[str, Any]:
    """An event as the server writes it, with its records as texts."""
    return {"event": name, "seq": seq, "data": {key: json.dumps(said) for key, said in data.items()}}


async def test_reactions_and_replies_are_heard_and_all_else_is_passed_over() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        reaction = {"user_id": "u", "post_id": "p", "emoji_name": "eyes", "create_at": 5, "update_at": 9}
        for said in (
            HELLO,
            {"status": "OK", "seq_reply": 1},
            {"event": "typing", "seq": 1, "data": None, "broadcast": {}},
            event("posted", 2, post={"id": "a", "message": "no reply"}),
            event("posted", 3, post="not a post"),
            event("reaction_added", 4, reaction=reaction),
            event("posted", 5, post={"id": "b", "root_id": "a", "message": "take", "props": None, "metadata": {}}),
        ):
            await socket.send_json(said)

    async with a_server(speaking(speak)) as url, connect_websocket(url, TOKEN, 1.0, Redactor([TOKEN])) as line:
        heard = [(await line.receive()).event for _ in range(2)]
    assert isinstance(heard[0], Reaction)
    assert (heard[0].emoji_name, heard[0].at_ms) == ("eyes", 9)
    assert isinstance(heard[1], ChatPost)
    assert heard[1].message == "take"


async def test_a_gap_in_the_numbers_is_no_good_line() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_json(HELLO)
        await socket.send_json({"event": "typing", "seq": 2, "data": {}})

    async with a_server(speaking(speak)) as url:
        assert await lost_over(url) == "event 1 is missing: number 2 came"


@pytest.mark.parametrize("said", ["<html>", "[1]", '{"seq": "x"}', '{"event": 5}'])
async def test_what_is_not_mattermosts_is_no_good_line(said: str) -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_json(HELLO)
        await socket.send_str(said)

    async with a_server(speaking(speak)) as url:
        assert await lost_over(url) == "what came is not Mattermost's"


async def test_a_server_that_does_not_greet_is_left() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_json({"status": "OK", "seq_reply": 1})

    async with a_server(speaking(speak)) as url:
        assert await lost_over(url) == "the server does not greet us"


async def test_a_refusal_says_what_was_refused() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_json(HELLO)
        await socket.send_json({"status": "FAIL", "error": {"id": "not_authenticated"}, "seq_reply": 2})

    async with a_server(speaking(speak)) as url:
        assert await lost_over(url) == "the server refused what was asked: not_authenticated"


async def test_a_wrong_token_ends_the_line_and_does_not_show(mattermost: FakeMattermost) -> None:
    reason = await lost_over(mattermost.base_url)
    assert "closed the connection" in reason
    assert TOKEN.reveal() not in reason


async def test_a_redirect_is_not_followed_so_the_token_goes_nowhere_else(mattermost: FakeMattermost) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{mattermost.base_url}{request.path}"})

    async with a_server(answer) as url:
        assert "redirect (302)" in await lost_over(url)
    assert mattermost.world.hub.opened == 0


@pytest.mark.parametrize("status", [200, 401, 404, 502])
async def test_a_server_without_websockets_says_so(status: int) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=f"no {TOKEN.reveal()}")

    async with a_server(answer) as url:
        reason = await lost_over(url)
    assert reason.startswith("cannot connect: ")
    assert str(status) in reason
    assert TOKEN.reveal() not in reason


async def test_nobody_there_is_told() -> None:
    assert (await lost_over("http://127.0.0.1:9")).startswith("cannot connect: ")


async def test_a_ping_brings_the_servers_time(mattermost: FakeMattermost) -> None:
    token = Secret(mattermost.bot_token)
    async with connect_websocket(mattermost.base_url, token, 2.0, Redactor([token])) as line:
        await line.ping()
        assert (await line.receive()).server_ms > 0
