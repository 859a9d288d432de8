"""A small server over TLS on this machine, for those who ask it whether it can be trusted."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.fakes.certificates import Pair

BOOKS = b'{"balanced": true, "topics": []}'


class Books(BaseHTTPRequestHandler):
    """Answers that the books balance."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", str(len(BOOKS)))
        self.end_headers()
        self.wfile.write(BOOKS)

    do_POST = do_PUT = do_OPTIONS = do_GET  # noqa: N815 - the names of http.server

    def log_message(self, *said: object) -> None:
        """Nothing."""


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Handshakes that fail are what some tests are about."""


@contextmanager
def served(pair: Pair | None, *, client_ca: Path | None = None) -> Iterator[int]:
    """A server on this machine that shows a certificate, or speaks without TLS; gives its port.

    With ``client_ca`` it answers only those who show a certificate of that authority.
    """
    server = _Quiet(("127.0.0.1", 0), Books)
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    running.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        running.join()
        server.server_close()
