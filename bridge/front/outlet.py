"""Where a request's answer is written to, and how much of it the client has not taken yet."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from bridge.front.limits import BODY_BUFFER_BYTES

UNKNOWN: Final = 2**62
"""Unwritten bytes that nobody has counted yet: more than there can be."""


class Outlet:
    """The transport of a connection, but for its end, which the connection decides (``close``)."""

    __slots__ = ("_has_large_buffer", "_transport", "close", "is_closing", "unwritten_bytes", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
        self.unwritten_bytes = 0
        self._transport = transport
        self._has_large_buffer = False

    def note_unwritten(self) -> None:
        """Remember how much the client has not taken."""
        self.unwritten_bytes = self._transport.get_write_buffer_size()

    def is_read_on(self) -> bool:
        """Whether the client took something since that was last noted, and has not taken all."""
        before = self.unwritten_bytes
        self.note_unwritten()
        return 0 < self.unwritten_bytes < before

    def take_more_at_once(self) -> None:
        """Let the system hold more of what the client sends: a body is under way."""
        if not self._has_large_buffer:
            self._has_large_buffer = True
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BODY_BUFFER_BYTES)
