"""The HTTP server: TLS, optional client certificates, graceful stop, clear words when it cannot listen."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from bridge.app.certificate import CERTIFICATE_FILE, KEY_FILE, make_self_signed
from bridge.app.server import CannotListen, HttpServer, Tls
from broker.clock import SystemClock
from tests.fakes.certificates import TestAuthority
from tests.line.process import a_free_port


async def says_who(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the common name of the client's certificate, or "nobody"."""
    der = scope["state"].get("peer_der")
    name = "nobody"
    if der is not None:
        subject = x509.load_der_x509_certificate(der).subject
        name = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": name.encode()})


async def test_a_client_certificate_is_optional_and_seen(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    pair, client = authority.server(), authority.client((NameOID.COMMON_NAME, "ce.example.org"))
    server = HttpServer(says_who, "127.0.0.1:0", Tls(pair.certificate, pair.key, authority.certificate))
    await server.start()
    try:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        async with httpx.AsyncClient(verify=trust) as http:
            assert (await http.get(f"https://localhost:{server.port}/")).text == "nobody"
        known = ssl.create_default_context(cafile=str(authority.certificate))
        known.load_cert_chain(client.certificate, client.key)
        async with httpx.AsyncClient(verify=known) as http:
            assert (await http.get(f"https://localhost:{server.port}/")).text == "ce.example.org"
    finally:
        await server.stop()


async def test_a_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    authority, stranger = TestAuthority(tmp_path / "ours"), TestAuthority(tmp_path / "theirs")
    pair, client = authority.server(), stranger.client((NameOID.COMMON_NAME, "evil"))
    server = HttpServer(says_who, "127.0.0.1:0", Tls(pair.certificate, pair.key, authority.certificate))
    await server.start()
    try:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        trust.load_cert_chain(client.certificate, client.key)
        async with httpx.AsyncClient(verify=trust) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"https://localhost:{server.port}/")
    finally:
        await server.stop()


async def test_requests_under_way_are_answered_when_it_stops(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await go_on.wait()
        await says_who(scope, receive, send)

    server = HttpServer(slow, "127.0.0.1:0", None)
    await server.start()
    async with httpx.AsyncClient() as http:
        asked = asyncio.create_task(http.get(f"http://127.0.0.1:{server.port}/"))
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        go_on.set()
        assert (await asked).text == "nobody"
    await stopping


def test_a_port_that_is_taken_is_named() -> None:
    port = a_free_port()
    first = HttpServer(says_who, f"127.0.0.1:{port}", None)
    try:
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}"):
            HttpServer(says_who, f"127.0.0.1:{port}", None)
    finally:
        asyncio.run(first.stop())


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(CannotListen, match="certificate"):
        HttpServer(says_who, "127.0.0.1:0", Tls(tmp_path / "x.pem", tmp_path / "x.pem"))


async def test_the_trial_certificate_is_made_once_and_trusted_by_its_own_file(tmp_path: Path) -> None:
    certificate, key = make_self_signed(tmp_path / "state", ["bridge.example.org"], SystemClock().wall_us())
    assert (certificate.name, key.name) == (CERTIFICATE_FILE, KEY_FILE)
    assert key.stat().st_mode & 0o777 == 0o600
    before = certificate.read_bytes()
    assert make_self_signed(tmp_path / "state", [], SystemClock().wall_us()) == (certificate, key)
    assert certificate.read_bytes() == before
    server = HttpServer(says_who, "127.0.0.1:0", Tls(certificate, key))
    await server.start()
    try:
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(certificate))) as http:
            assert (await http.get(f"https://127.0.0.1:{server.port}/")).status_code == 200
    finally:
        await server.stop()
