"""TLS between a socket and a connection: a handshake with a deadline, and one direction that may end before the other.

asyncio's and uvloop's own layers end both directions when the client ends one, and the answer to its request is lost.
TLS 1.3 lets a client end its sending side alone (RFC 8446, section 6.1), and OpenSSL does in TLS 1.2; so does this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from bridge.front.connection_table import ConnectionTable, Line
from bridge.front.http_protocol import HttpProtocol
from bridge.front.http_refusals import HttpRefusal

_READ_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 128 * 1024
"""What is encrypted at once: a large answer must not hold the event loop."""
_MOST_WAITING_BYTES: Final = 64 * 1024
_PLAIN_HTTP: Final = HttpRefusal(400, "bad_handshake", "this port speaks HTTPS, and you spoke HTTP")


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """The socket's protocol and the connection's transport at once.

    ``make`` gives the connection once the handshake is done; ``lost`` is called once when the socket is gone.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        make: Callable[[Callable[[], None]], HttpProtocol],
        table: ConnectionTable,
        lost: Callable[[], None],
    ) -> None:
        super().__init__()
        self.line: Line | None = None
        self.client_name = "?"
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._make = make
        self._table = table
        self._lost = lost
        self._raw: asyncio.Transport
        self._connection: HttpProtocol | None = None
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._raw_is_full = False
        self._is_closing = False
        self._read_ended = False
        self._ends_writing = False
        self._said_good_bye = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        self._raw = transport
        peer = transport.get_extra_info("peername")
        if peer:
            self.client_name = str(peer[0])
        self._table.enter_line(self, self._table.handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._table.leave_line(self)
        self._is_closing = True
        self._waiting.clear()
        if self._connection is not None:
            self._connection.connection_lost(exc)
        self._lost()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. What comes after our good-bye is counted by the connection, and not decrypted."""
        if self._said_good_bye and self._connection is not None:
            self._connection.data_received(data)
        if self._is_closing or self._read_ended or self._said_good_bye:
            return
        self._incoming.write(data)
        if self._connection is not None or self._shake_hands():
            self._read()

    def eof_received(self) -> bool:
        """See asyncio.Protocol: whether the client said so in TLS or only by the socket, its sending side has ended."""
        if self._connection is None:
            self._table.refusals.record("bad_handshake", self.client_name, "the client left")
            return False
        return self._end_reading()

    def _shake_hands(self) -> bool:
        """Go on with the handshake; True once it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_outgoing()
            return False
        except ssl.SSLError as error:
            self._table.refusals.record("bad_handshake", self.client_name, error.reason or str(error))
            self._table.enter_line(self, self._table.closing)
            self._is_closing = True
            if error.reason == "HTTP_REQUEST":
                self._raw.write(_PLAIN_HTTP.answer([]))
                self._raw.close()
            else:
                self._raw.abort()
            return False
        self._send_outgoing()
        self._table.leave_line(self)
        self._connection = self._make(lambda: None)
        self._connection.connection_made(self)
        return True

    def _read(self) -> None:
        """Give the connection what came."""
        connection = self._connection
        while connection is not None and not self._read_ended and not self._is_closing:
            try:
                data = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLError:
                self.abort()
                return
            if data:
                connection.data_received(data)
            elif not self._end_reading():
                return
        self._send_outgoing()

    def _end_reading(self) -> bool:
        """The client sends no more; whether the connection still has something to say."""
        if self._read_ended or self._connection is None:
            return not self._is_closing
        self._read_ended = True
        if self._connection.eof_received():
            return True
        self.close()
        return not self._raw.is_closing()

    def write(self, data: Any) -> None:
        """See asyncio.WriteTransport."""
        if self._is_closing or self._ends_writing or not data:
            return
        self._waiting.append(memoryview(data).cast("B"))
        self._waiting_bytes += len(data)
        self._encrypt()
        if self._waiting_bytes > _MOST_WAITING_BYTES and self._connection is not None:
            self._connection.pause_writing()

    def _encrypt(self) -> None:
        """Encrypt and send what waits, as long as the socket takes it."""
        while self._waiting and not self._raw_is_full and not self._raw.is_closing():
            piece = self._waiting.popleft()
            if len(piece) > _PIECE_BYTES:
                self._waiting.appendleft(piece[_PIECE_BYTES:])
                piece = piece[:_PIECE_BYTES]
            try:
                self._tls.write(piece)
            except ssl.SSLError:
                self._raw.abort()
                return
            self._waiting_bytes -= len(piece)
            self._send_outgoing()
        if not self._waiting:
            self._finish_writing()

    def _send_outgoing(self) -> None:
        data = self._outgoing.read()
        if data:
            self._raw.write(data)

    def _finish_writing(self) -> None:
        """Once all is sent: say good-bye if asked to, and close if asked to."""
        if not (self._ends_writing or self._is_closing) or self._raw.is_closing():
            return
        if not self._said_good_bye:
            self._said_good_bye = True
            with contextlib.suppress(ssl.SSLError):  # one direction only: the client's good-bye is not waited for
                self._tls.unwrap()
            self._send_outgoing()
        if self._is_closing:
            self._raw.close()
        elif self._raw.can_write_eof():
            self._raw.write_eof()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: the socket takes no more for now."""
        self._raw_is_full = True
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._raw_is_full = False
        self._encrypt()
        if not self._raw_is_full and not self._waiting and self._connection is not None:
            self._connection.resume_writing()

    def close(self) -> None:
        """See asyncio.BaseTransport: what waits is sent first."""
        if not self._is_closing:
            self._is_closing = True
            self._encrypt()

    def write_eof(self) -> None:
        """See asyncio.WriteTransport: a good-bye in TLS, then the socket's."""
        if not (self._is_closing or self._ends_writing):
            self._ends_writing = True
            self._encrypt()

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        self._is_closing = True
        self._raw.abort()

    def is_closing(self) -> bool:
        """See asyncio.BaseTransport."""
        return self._is_closing

    def can_write_eof(self) -> bool:
        """See asyncio.WriteTransport."""
        return True

    def pause_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        """See asyncio.WriteTransport."""
        return self._waiting_bytes + self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio.BaseTransport."""
        match name:
            case "ssl_object":
                return self._tls
            case "sslcontext":
                return self._tls.context
            case _:
                return self._raw.get_extra_info(name, default)

    def end_overdue(self, line: Line) -> None:
        """See Waiter: a handshake that is not done in time, or an alert that nobody takes."""
        if line is self._table.handshake:
            self._table.refusals.record("handshake_too_slow", self.client_name)
        self.abort()

    def give_way(self) -> None:
        """See Waiter."""
        self.abort()
