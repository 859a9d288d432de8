"""Writes a stream of messages as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bridge.operate.live_tail import MessageStream, StreamRemark


class EventStream(StreamingResponse):
    """Messages as server-sent events: the ``data:`` of each is one SeenMessage. Its end is noticed however it ends."""

    def __init__(self, stream: MessageStream) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(stream), headers=headers, media_type="text/event-stream")
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.end()


async def _events(stream: MessageStream) -> AsyncIterator[bytes]:
    async for part in stream.parts():
        if isinstance(part, StreamRemark):
            yield f": {part.text}\n\n".encode()
        else:
            yield b"data: " + msgspec.json.encode(part) + b"\n\n"
