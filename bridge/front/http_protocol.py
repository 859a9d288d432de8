"""One HTTP connection: uvicorn's protocol, with bounds for what it reads, and a right end.

What is different from uvicorn's own:

- A head, an address, chunk extensions and trailers have a largest size; nothing of a client is kept beyond it.
- What could be read as two different requests is answered 400 before the app sees it (``head_checks.py``).
- A client that ends its sending side after a whole request gets its answer.
- An offer to change the protocol (``Upgrade: h2c``) is ignored, and the request with its body is answered.
- A request that is answered before all of it came is read on for a little, so that the answer arrives.
- The connection always stands in the table's line for what it waits for (``table.py``), which holds the deadlines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bridge.front.connection_table import ConnectionTable, Line
from bridge.front.head_checks import check_head, head_without_upgrade, unreadable_request
from bridge.front.http_refusals import (
    BODY_TOO_SLOW,
    FRAMING_TOO_LARGE,
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    NO_PROXY,
    UNKNOWN_METHOD,
    URL_TOO_LONG,
    HttpRefusal,
)
from bridge.front.limits import (
    FREE_FRAMING_BYTES,
    LEAST_BODY_BYTES,
    MOST_FRAMING_BYTES,
    MOST_HEAD_BYTES,
    MOST_UNREAD_BYTES,
    MOST_URL_BYTES,
)
from bridge.front.outlet import UNKNOWN, Outlet

_NOTHING: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
# Which part of a request is expected next: numbers, since members of an Enum cost a microsecond for each request.


class _HeadRefused(Exception):
    """Ends the parser's work; what is answered stands in the connection."""


class HttpProtocol(HttpToolsProtocol):
    """See the module. ``lost`` is called once when the connection is gone."""

    def __init__(self, config: Config, state: ServerState, table: ConnectionTable, lost: Callable[[], None]) -> None:
        super().__init__(config, state, {})
        self.line: Line | None = None
        self.client_name = "?"
        self._table = table
        self._lost = lost
        self._outlet: Outlet
        self._part: int = _NOTHING
        self._refusal: HttpRefusal | None = None
        self._is_deaf = False
        self._eof = False
        self._leaving = False
        self._offers_upgrade = False
        self._keeps_alive = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._body_bytes_counted = 0
        self._framing_bytes = 0
        self._unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol. The client's certificate, if it gave one, is put where the app finds it."""
        super().connection_made(transport)
        self._outlet = Outlet(transport, self._end)
        if self.client is not None:
            self.client_name = self.client[0]
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.app_state = {"peer_der": tls.getpeercert(binary_form=True)}
        self._table.enter_line(self, self._table.head)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._table.leave_line(self)
        self._lost()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._is_deaf:
            self._unread_bytes += len(data)
            if self._unread_bytes > MOST_UNREAD_BYTES:
                self.transport.abort()
            return
        if self._part == _BODY or self._head_bytes + len(data) > MOST_HEAD_BYTES:
            self._feed(data)
        else:
            self._feed_head(data)
        if not self._is_deaf:
            self._stand_in_line()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """See asyncio.Protocol: the connection stays open for the answers to whole requests."""
        self._eof = True
        cycle = self.cycle
        if self._refusal is not None:  # it waits for the answers before it
            return True
        if self._is_deaf or self._part == _BODY or not self._is_answering() or cycle.response_started:
            self._table.enter_line(self, self._table.closing)
            return None
        cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """See asyncio.Protocol: the client reads slower than the app writes."""
        super().pause_writing()
        self._outlet.note_unwritten()
        if self.line is None:
            self._table.enter_line(self, self._table.reader)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        if self.line is self._table.reader:
            self._table.leave_line(self)

    def on_message_begin(self) -> None:
        """Take note that a request begins."""
        super().on_message_begin()
        self._part = _HEAD

    def on_headers_complete(self) -> None:
        """Refuse a head that is whole, or begin to answer it."""
        parser = self.parser
        self._refusal = check_head(parser.get_http_version(), self.url, self.headers)
        if self._refusal is None and parser.should_upgrade():
            self._offers_upgrade = True
            if parser.get_method() != b"CONNECT":
                return
            self._refusal = NO_PROXY
        if self._refusal is not None:
            raise _HeadRefused
        super().on_headers_complete()
        cycle = self.cycle
        cycle.transport = self._outlet  # type: ignore[assignment]
        # Until all of the request is here an answer ends the connection; on_message_complete takes that back.
        self._keeps_alive, cycle.keep_alive = cycle.keep_alive, False
        self.headers = []  # trailers go nowhere: they would be headers that nobody has checked
        self._part = _BODY
        self._head_bytes = self._body_bytes = self._body_bytes_counted = self._framing_bytes = 0

    def on_chunk_header(self) -> None:
        """A chunk of a body begins: a little of its framing is free."""
        self._framing_bytes -= FREE_FRAMING_BYTES

    def on_body(self, body: bytes) -> None:
        """Take in a piece of a body."""
        self._body_bytes += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Take note that a request is whole."""
        if self._offers_upgrade:
            return
        self._part = _NOTHING
        cycle = self.cycle
        if cycle.response_complete:
            return
        if not cycle.response_started:
            cycle.keep_alive = self._keeps_alive and not self._leaving
        cycle.more_body = False
        cycle.message_event.set()

    def _feed(self, data: bytes) -> None:
        """Give the parser what came, never more of a head at once than a head may have."""
        while data and not self._is_deaf:
            if self._part == _BODY:
                self._feed_body(data)
                return
            room = MOST_HEAD_BYTES - self._head_bytes
            piece, data = (data, b"") if len(data) <= room else (data[:room], data[room:])
            self._feed_head(piece)

    def _feed_head(self, piece: bytes) -> None:
        self._head_bytes += len(piece)
        self._parse(piece)
        if self._is_deaf:
            return
        if self._part == _HEAD and len(self.url) > MOST_URL_BYTES:
            self._refuse(URL_TOO_LONG)
        elif self._head_bytes >= MOST_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE)

    def _feed_body(self, piece: bytes) -> None:
        cycle, before = self.cycle, self._body_bytes
        self._parse(piece)
        if self._part == _BODY and self.cycle is cycle and not self._is_deaf:
            self._framing_bytes += len(piece) - (self._body_bytes - before)
            if self._framing_bytes > MOST_FRAMING_BYTES:
                self._refuse(FRAMING_TOO_LARGE)

    def _parse(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:
            self._parse_without_upgrade(piece[offer.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self._refuse(UNKNOWN_METHOD)
        except httptools.HttpParserError as error:
            self._refuse(self._refusal or unreadable_request(f"the request cannot be read: {error}"))

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Read the request once more as if no other protocol had been offered, and go on with what came behind it."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        head = head_without_upgrade(method, version, self.url, self.headers)
        self._offers_upgrade = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._parse(head)
        self._feed(rest)

    def _stand_in_line(self) -> None:
        """After something came: wait for what is missing, or for nothing while the app answers."""
        table, part = self._table, self._part
        if part == _BODY:
            if self.line is not table.body:
                self._outlet.take_more_at_once()
            if self.line is not table.body or self._body_bytes - self._body_bytes_counted >= LEAST_BODY_BYTES:
                self._body_bytes_counted = self._body_bytes
                table.enter_line(self, table.body)
        elif self._is_answering():
            if self.flow.write_paused:
                table.enter_line(self, table.reader)
            else:
                table.leave_line(self)
        elif part == _HEAD and self.line is not table.head:
            table.enter_line(self, table.head)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Go on once the app has given its whole answer: with the next request, waiting for one, or to the end."""
        self.server_state.total_requests += 1
        if self.transport.is_closing() or (self._is_deaf and self._refusal is None):
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._refusal is not None:
            self._answer_refusal(self._refusal)
        elif self._eof:
            self._end()
        elif self._part == _NOTHING:
            self._outlet.unwritten_bytes = UNKNOWN  # looking costs, and only an overdue one is looked at
            self._table.enter_line(self, self._table.idle)
        else:
            self._table.enter_line(self, self._table.head)

    def shutdown(self) -> None:
        """End the connection once the answer under way is finished: the server stops."""
        self._leaving = True
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            self._end()

    def _refuse(self, refusal: HttpRefusal) -> None:
        """Read no more; answer once those before it have their answers."""
        self._is_deaf = True
        self._refusal = refusal
        self._table.refusals.record(refusal.reason, self.client_name, refusal.text)
        if self._part != _BODY:
            is_next = not self._is_answering()
        else:  # this request's own body: the app is told that its client left
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            is_next = not self.pipeline
            if self.pipeline:
                self.pipeline.popleft()
        if not is_next:
            self._table.leave_line(self)
            self.flow.pause_reading()
        elif self._part == _BODY and self.cycle.response_started:
            self._end()
        else:
            self._answer_refusal(refusal)

    def _answer_refusal(self, refusal: HttpRefusal) -> None:
        self._refusal = None
        if not self.transport.is_closing():
            self.transport.write(refusal.answer(self.server_state.default_headers))
            self._end(is_whole=False)

    def _end(self, *, is_whole: bool = True) -> None:
        """Close once what was written is sent; what the client still sends is read and thrown away for a little.

        A socket that is closed with something unread resets the connection, and the client may lose the answer.
        """
        if self.transport.is_closing():
            return
        self._outlet.note_unwritten()
        self._table.enter_line(self, self._table.closing)
        if self._eof or (is_whole and self._part == _NOTHING):
            self.transport.close()
            return
        self._is_deaf = True
        self.flow.resume_reading()
        self.transport.write_eof()

    def end_overdue(self, line: Line) -> None:
        """See Waiter."""
        table = self._table
        if line is table.body and self.flow.read_paused:  # the app is slow, not the client
            table.enter_line(self, line)
        elif line is table.body:
            self._refuse(BODY_TOO_SLOW)
        elif line is table.head and self._head_bytes:
            self._refuse(HEAD_TOO_SLOW)
        elif line is table.head:
            table.refusals.record("head_too_slow", self.client_name, "nothing came")
            self.transport.abort()
        elif self._outlet.is_read_on():
            table.enter_line(self, line)
        elif line is table.idle and not self._outlet.unwritten_bytes:
            self._end()
        else:
            if self._outlet.unwritten_bytes:
                table.refusals.record("reader_too_slow", self.client_name)
            self.transport.abort()

    def give_way(self) -> None:
        """See Waiter."""
        self.transport.abort()
