"""The bot's websocket: connect, prove who we are, and read events one after the other, none missing.

The server numbers the events of a connection from 0. Whatever breaks that (a gap, an error, silence on the line) ends
the connection with ``Lost``: who listens then connects again and reads what was missed. Redirects are not followed, so
that the token goes nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from bridge.chat.events import ChatEvent, Frame, event_in, frame_in
from bridge.core.domains import ascii_url
from bridge.core.plain_reason import plain_reason
from bridge.core.proxies import read_proxies
from bridge.core.secret import Secret
from bridge.core.tls_failure import tls_fault, tls_text
from bridge.core.trust import ClientPair, trust_as
from bridge.destinations.kit.redact import Redactor

PATH: Final = "/api/v4/websocket"
_HEARTBEAT_S: Final = 30.0  # a line that does not answer a ping within half of that is dead
_MOST_WAITING: Final = 10_000
_CHALLENGE: Final = 1


class Lost(Exception):
    """The websocket is of no use any more. The text says why, without secrets and safe to show."""

    def __init__(self, text: str) -> None:
        super().__init__(plain_reason(text))


class Heard(msgspec.Struct, frozen=True):
    """What came: an event we act upon, or the server's time as it answered a ping (0: it does not say)."""

    event: ChatEvent | None = None
    server_ms: int = 0


class Connection:
    """An open connection of somebody the server knows. ``receive`` gives what came, or raises Lost."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0
        self._next = -1
        self._waiting: asyncio.Queue[Heard | Lost] = asyncio.Queue(_MOST_WAITING)

    async def challenge(self, token: Secret) -> None:
        """Prove who we are, and return when the server greets us. Raises Lost."""
        await self._ask("authentication_challenge", {"token": token.reveal()})
        while True:
            frame = await self._frame()
            if frame.event == "hello":
                self._next = frame.seq + 1
                return

    async def ping(self) -> None:
        """Ask for the time; the answer is heard in its turn. Raises Lost."""
        await self._ask("ping", {})

    async def receive(self) -> Heard:
        """Return what came next: an event, or the answer to a ping. Raises Lost."""
        event = await self._waiting.get()
        if isinstance(event, Lost):
            raise event
        return event

    async def read(self) -> None:
        """Read until the line is lost; beside ``receive``, so that pings are answered while somebody is busy."""
        try:
            while True:
                event = self._read(await self._frame())
                if event is not None:
                    self._waiting.put_nowait(event)
        except Lost as lost:
            end = lost
        except asyncio.QueueFull:
            end = Lost("more was said than could be listened to")
        while self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(end)

    def _read(self, frame: Frame) -> Heard | None:
        if frame.event:
            if frame.seq != self._next:
                raise Lost(f"event {self._next} is missing: number {frame.seq} came")
            self._next += 1
            event = event_in(frame)
            return Heard(event) if event is not None else None
        if frame.status == "FAIL":
            raise Lost(f"the server refused what was asked: {(frame.error or {}).get('id', '')}")
        if frame.seq_reply > _CHALLENGE:
            value = (frame.data or {}).get("server_time")
            return Heard(server_ms=value if isinstance(value, int) else 0)
        return None

    async def _ask(self, action: str, data: dict[str, Any]) -> None:
        self._asked += 1
        asked = {"seq": self._asked, "action": action, "data": data}
        try:
            await self._socket.send_str(msgspec.json.encode(asked).decode())
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Lost(f"the connection broke: {error or type(error).__name__}") from error

    async def _frame(self) -> Frame:
        frame = await self._socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            try:
                return frame_in(frame.data)
            except (msgspec.DecodeError, RecursionError) as error:
                raise Lost("what came is not Mattermost's") from error
        reason = f"the server closed the connection ({self._socket.close_code or 'without a word'})"
        raise Lost(f"the connection broke: {frame.data}" if frame.type is aiohttp.WSMsgType.ERROR else reason)


@asynccontextmanager
async def connect_websocket(
    url: str,
    token: Secret,
    timeout_s: float,
    redact: Redactor,
    ca_file: Path | None = None,
    client_pair: ClientPair | None = None,
) -> AsyncIterator[Connection]:
    """A line to the server at ``url``, greeted by it, for the length of the block. Raises Lost.

    ``ca_file`` holds the only authorities to trust; without it the system's are. Who asks is shown ``client_pair``.
    """
    address = ascii_url(url).rstrip("/").replace("http", "ws", 1) + PATH
    timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), middlewares=(_as_told,)) as session:
        try:
            async with asyncio.timeout(timeout_s):  # noqa: TID251 - a timeout of the network
                proxy = await read_proxies().proxy_for(url)
                socket = await session.ws_connect(
                    address,
                    heartbeat=_HEARTBEAT_S,
                    timeout=timeout,
                    proxy=proxy,
                    max_msg_size=8 * 1024 * 1024,
                    ssl=trust_as(ca_file, client_pair) or True,
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            fault = tls_fault(error)
            why = tls_text(fault) if fault is not None else str(error) or type(error).__name__
            raise Lost(redact(f"cannot connect: {why}")) from error
        async with socket:
            line = Connection(socket)
            try:
                async with asyncio.timeout(timeout_s):  # noqa: TID251 - a timeout of the network
                    await line.challenge(token)
            except TimeoutError as error:
                raise Lost("the server does not greet us") from error
            reading = asyncio.create_task(line.read())
            try:
                yield line
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)


async def _as_told(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Go where we were told to, and nowhere else."""
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise aiohttp.ClientError(f"it answers with a redirect ({response.status})")
    return response
