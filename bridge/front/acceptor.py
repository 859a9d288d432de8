"""Takes connections from a listening socket, as many as the table admits; the system's own limit is not reached."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Final

from bridge.front.connection_table import ConnectionTable
from bridge.front.http_protocol import HttpProtocol
from bridge.front.http_refusals import HttpRefusal
from bridge.front.limits import HEAD_BUFFER_BYTES
from bridge.front.tls_transport import TlsTransport

_MOST_AT_ONCE: Final = 64
_AGAIN_S: Final = 0.05
_NO_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_FULL: Final = HttpRefusal(503, "no_room", "as many connections are open as may be")


class Acceptor:
    """One listening socket; ``make`` builds a connection, given what to call when it is lost."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext | None,
        make: Callable[[Callable[[], None]], HttpProtocol],
        table: ConnectionTable,
    ) -> None:
        self._listening = listening
        self._context = context
        self._make = make
        self._table = table
        self._loop = asyncio.get_running_loop()
        self._begun: set[asyncio.Task[None]] = set()
        self._open = 0
        self._is_closed = False
        self._loop.add_reader(listening, self._accept)

    def renew(self, context: ssl.SSLContext) -> None:
        """Take connections with another certificate from now on."""
        self._context = context

    def close(self) -> None:
        """Take no more connections."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._listening)

    async def wait_closed(self) -> None:
        """Return once no connection is being made any more; those that stand end by themselves."""
        await asyncio.gather(*self._begun, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            if self._table.is_pressed():
                self._pause()
                return
            try:
                taken, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # the client was gone before its turn
                continue
            except OSError as error:
                if error.errno in _NO_DESCRIPTORS:
                    self._table.refusals.record("no_descriptors", "", str(error))
                    self._table.make_room()
                    self._pause()
                    return
                raise
            self._take(taken, str(address[0]) if address else "?")

    def _take(self, taken: socket.socket, client: str) -> None:
        if not self._table.admit(client):
            self._turn_away(taken)
            return
        taken.setblocking(False)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HEAD_BUFFER_BYTES)
        making = self._loop.create_task(self._connect(taken), name="connection")
        self._begun.add(making)
        making.add_done_callback(self._begun.discard)

    async def _connect(self, taken: socket.socket) -> None:
        lost = self._table.close_one
        make: Callable[[], asyncio.Protocol]
        if self._context is None:
            make = lambda: self._make(lost)  # noqa: E731 - two makers of one shape
        else:
            context = self._context
            make = lambda: TlsTransport(context, self._make, self._table, lost)  # noqa: E731
        try:
            await self._loop.connect_accepted_socket(make, taken)
        except OSError:  # gone already
            taken.close()
            lost()

    def _turn_away(self, taken: socket.socket) -> None:
        with taken:
            if self._context is None:
                taken.setblocking(False)
                try:
                    taken.send(_FULL.answer([]))
                except OSError:  # it is closed in any case
                    return

    def _pause(self) -> None:
        """Let newcomers wait in the system's own queue for a moment."""
        self._loop.remove_reader(self._listening)
        self._loop.call_later(_AGAIN_S, self._resume)

    def _resume(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listening, self._accept)
