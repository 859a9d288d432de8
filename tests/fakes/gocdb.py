"""GOCDB at the address that programs have fixed: behind a proxy, with a certificate of our authority."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes.certificates import TestAuthority

HOST = "goc.egi.eu"


class _Proxy(socketserver.StreamRequestHandler):
    """Takes CONNECT for GOCDB alone, and is GOCDB from there on: one request over TLS, one answer."""

    def handle(self) -> None:
        asked = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        if asked[:2] != [b"CONNECT", f"{HOST}:443".encode()]:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        server: Any = self.server
        with server.context.wrap_socket(self.request, server_side=True) as secure, secure.makefile("rwb") as stream:
            server.asked.append(stream.readline().decode().split()[1])
            while stream.readline().strip():
                pass
            lines = ("HTTP/1.1 200 OK", f"content-length: {len(server.feed)}", "connection: close", "", "")
            stream.write("\r\n".join(lines).encode() + server.feed)


class Gocdb(socketserver.ThreadingTCPServer):
    """Answers every question with ``feed``; ``asked`` are the addresses that were asked."""

    daemon_threads = True

    def __init__(self, feed: bytes, authority: TestAuthority) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.feed = feed
        self.asked: list[str] = []
        pair = authority.server(HOST)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate, pair.key)

    @property
    def proxy_url(self) -> str:
        """What programs are told as HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def a_gocdb(feed: bytes, authority: TestAuthority) -> Iterator[Gocdb]:
    """GOCDB for the length of the block."""
    server = Gocdb(feed, authority)
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    running.start()
    try:
        yield server
    finally:
        server.shutdown()
        running.join()
        server.server_close()
