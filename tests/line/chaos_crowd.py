"""Connections that never ask it all: heads and bodies that stop, half-closed senders, garbage, TLS where none is."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from typing import Final

from tests.line.chaos_publishers import head_of

_MOST: Final = 200
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_CLIENT_HELLO: Final = bytes.fromhex("16030100c8010000c40303") + bytes(range(32)) + b"\x00\x00\x3e"


class Crowd:
    """Keeps connections open over rounds, from other addresses than the publishers'."""

    def __init__(self, port: int, token: str, rng: random.Random) -> None:
        self._port = port
        self._rng = rng
        self._open: list[socket.socket] = []
        self._beginnings = (
            b"",
            b"G",
            b"POST /login HTTP/1.1\r\nhost: x\r\nx-never-ends: aaaaaaaaaaaa",
            head_of(token, 5000),
            head_of(token, 5000) + b'{"messages": [{"data": "eyJrIjogIm5ldmVyIiwgIm4i',
            head_of(token, 0).replace(b"content-length: 0", b"transfer-encoding: chunked") + b"ffff\r\n{",
            _CLIENT_HELLO,
            b"\x00" * 100,
            b"\r\n" * 50,
        )

    def join(self, count: int) -> None:
        """So many more come, and as many of the eldest go as are too many; some by a reset, some half-closed."""
        for _ in range(count):
            with contextlib.suppress(OSError):
                self._open.append(self._one())
        while len(self._open) > _MOST:
            self._leave(self._open.pop(0))

    def close(self) -> None:
        for one in self._open:
            one.close()
        self._open.clear()

    def _one(self) -> socket.socket:
        rng = self._rng
        one = socket.create_connection(("127.0.0.1", self._port), 5, (f"127.0.0.{rng.randint(2, 9)}", 0))
        try:
            beginning = rng.choice(self._beginnings) if rng.random() < 0.9 else rng.randbytes(rng.randint(1, 3000))
            one.sendall(beginning)
            if rng.random() < 0.3:
                one.shutdown(socket.SHUT_WR)
        except OSError:
            one.close()
            raise
        return one

    def _leave(self, one: socket.socket) -> None:
        if self._rng.random() < 0.5:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        one.close()
