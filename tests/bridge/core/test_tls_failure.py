"""A certificate that is not trusted says why, whose it is, who signed it and until when it holds."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.core.tls_failure import look_at_certificate, tls_fault
from bridge.destinations.base import Later
from bridge.destinations.kit.http_call import ask
from bridge.destinations.kit.http_client import make_client
from bridge.destinations.kit.redact import Redactor
from bridge.push.http import NotPosted, PushHttp
from broker.clock import SystemClock
from tests.fakes.certificates import TestAuthority


@asynccontextmanager
async def a_tls_server(folder: Path) -> AsyncIterator[int]:
    pair = TestAuthority(folder).server()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def reason_for(url: str) -> str:
    async with make_client(connections=1, timeout_s=5.0) as http:
        outcome = await ask(http, Redactor([]), "POST", url, content=b"{}")
    assert isinstance(outcome, Later)
    assert not outcome.unclear
    return outcome.reason


async def test_a_certificate_of_an_unknown_authority_is_described(tmp_path: Path) -> None:
    async with a_tls_server(tmp_path) as port:
        reason = await reason_for(f"https://localhost:{port}/")
    assert reason.startswith(f"no connection: localhost:{port}: its certificate is not trusted: ")
    assert "unable to get local issuer certificate" in reason
    assert "subject CN=localhost" in reason
    assert "issuer CN=Test CA" in reason
    assert "valid from 2020-01-01 until 2119-12-08" in reason
    assert "not permitted" not in reason


async def test_a_push_says_so_too_and_looks_only_where_it_may(tmp_path: Path) -> None:
    client = PushHttp(SystemClock(), allow_private=True)
    async with a_tls_server(tmp_path) as port:
        with pytest.raises(NotPosted, match=r"not trusted: .*issuer CN=Test CA"):
            await client.post(f"https://localhost:{port}/", b"", {})
        shown = await asyncio.to_thread(look_at_certificate, "localhost", port, lambda address: False)
    await client.close()
    assert shown == ""


async def test_a_service_that_speaks_no_tls_is_told_as_that() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reason = await reason_for(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert "TLS failed" in reason
    assert "is it TLS that is spoken there?" in reason


def test_other_errors_are_no_failure_of_tls() -> None:
    assert tls_fault(OSError(1, "Operation not permitted")) is None
    assert tls_fault(ValueError("x")) is None
