"""``/api/v4/websocket`` as the server speaks it: the challenge, ``hello``, numbered events, ``ping``.

A wrong token closes the connection without a word, and so does the server's own end. Clients may also prove who they
are by the Authorization header of the request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from bridge.fakes.mattermost.hub import Event, Line
from bridge.fakes.mattermost.world import World

PATH = "/api/v4/websocket"


async def converse(world: World, request: web.BaseRequest) -> web.StreamResponse:
    """Speak with one client until one of both ends it."""
    if request.path != PATH:
        return web.Response(status=404)
    if world.hub.refusing:
        return web.Response(status=503, text="Service Unavailable")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    transport = request.transport
    line = Line(asyncio.get_running_loop(), transport.abort if transport is not None else lambda: None)
    conversation = _Conversation(world, socket, line)
    try:
        await conversation.greet_known(request.headers.get("Authorization", ""))
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT or not await conversation.answer(frame.data):
                break
    finally:
        world.hub.leave(line)
        conversation.end()
        await socket.close()
    return socket


class _Conversation:
    """One connection: its numbers, and the events that go out beside the answers."""

    def __init__(self, world: World, socket: web.WebSocketResponse, line: Line) -> None:
        self._world = world
        self._socket = socket
        self._line = line
        self._seq = 0
        self._telling: asyncio.Task[None] | None = None

    async def greet_known(self, authorization: str) -> None:
        """Say hello at once to a client whose request carried its token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() in ("bearer", "token"):
            await self._admit(token.strip())

    async def answer(self, text: str) -> bool:
        """Answer one frame of the client; False when the server closes the connection."""
        try:
            asked = json.loads(text)
        except ValueError:
            return False
        if not isinstance(asked, dict):
            return False
        seq, action = asked.get("seq") or 0, asked.get("action") or ""
        if not action or seq <= 0:
            wrong = "no_action" if not action else "bad_seq"
            await self._refuse(seq, f"api.web_socket_router.{wrong}.app_error", 400)
        elif action == "authentication_challenge":
            return await self._challenge(seq, asked.get("data") or {})
        elif not self._line.user_id:
            await self._refuse(seq, "api.web_socket_router.not_authenticated.app_error", 401)
        elif action == "ping":
            pong = {"text": "pong", "version": "11.10.0", "server_time": self._world.now_ms, "node_id": ""}
            await self._send({"status": "OK", "data": pong, "seq_reply": seq})
        else:
            await self._refuse(seq, "api.web_socket_router.bad_action.app_error", 500)
        return True

    def end(self) -> None:
        """No more events."""
        if self._telling is not None:
            self._telling.cancel()

    async def _challenge(self, seq: int, data: Mapping[str, Any]) -> bool:
        if self._line.user_id:
            return True
        if not await self._admit(data.get("token")):
            return False
        await self._send({"status": "OK", "seq_reply": seq})
        return True

    async def _admit(self, token: object) -> bool:
        user_id = self._world.town.tokens.get(token) if isinstance(token, str) else None
        if user_id is None or user_id not in self._world.town.users:
            return False
        self._line.user_id = user_id
        hello = {"server_version": "11.10.0.fake", "connection_id": self._world.ids.new()}
        await self._send(Event("hello", hello).frame(self._next()))
        self._world.hub.join(self._line)
        self._telling = asyncio.create_task(self._tell())
        return True

    async def _tell(self) -> None:
        while True:
            event = await self._line.waiting.get()
            frame = event.frame(self._next())
            if self._world.hub.lose > 0:
                self._world.hub.lose -= 1
                continue
            await self._send(frame)

    def _next(self) -> int:
        self._seq += 1
        return self._seq - 1

    async def _refuse(self, seq: int, error_id: str, status: int) -> None:
        error = {"id": error_id, "message": error_id, "detailed_error": "", "status_code": status}
        await self._send({"status": "FAIL", "error": error, "seq_reply": seq})

    async def _send(self, frame: Mapping[str, Any]) -> None:
        try:
            await self._socket.send_str(json.dumps(frame, ensure_ascii=False))
        except ConnectionError:  # the client is gone, which ends the conversation
            return
