"""Certificate login on the main port and on the extra one, in the running daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.x509.oid import NameOID

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.app.parts import Daemon
from bridge.settings.settings_file import read_settings
from broker.clock import SystemClock
from tests.fakes.certificates import Pair, TestAuthority

LOGIN = "/v1/service-types/ams/hosts/localhost:authx509"
CONNECTIONS = 20
BODY = b'{"messages": [{"data": "aGk="}]}'
PUBLISH = b"POST /v1/projects/P/topics/t:publish HTTP/1.1\r\nhost: x\r\nx-api-key: service\r\ncontent-length: 32\r\n"
SUBJECT = "CN=ce.example.org,O=Example,C=GR"


class Place:
    """A daemon that takes certificates on two ports, and a client that trusts it."""

    def __init__(self, daemon: Daemon, authority: TestAuthority, client: Pair) -> None:
        self.connections = daemon.connections
        self.ports = [listening.port for listening in daemon.servers]
        self.trust = ssl.create_default_context(cafile=str(authority.certificate))
        self.known = ssl.create_default_context(cafile=str(authority.certificate))
        self.known.load_cert_chain(client.certificate, client.key)


@contextlib.asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[Place]:
    authority = TestAuthority(tmp_path)
    server = authority.server()
    client = authority.client(
        (NameOID.COUNTRY_NAME, "GR"), (NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, "ce.example.org")
    )
    settings = {
        "server": {
            "listen": "127.0.0.1:0",
            "x509_listen": "127.0.0.1:0",
            "connections": CONNECTIONS,
            "tls": {
                "certificate": str(server.certificate),
                "key": str(server.key),
                "client_ca": str(authority.certificate),
            },
        },
        "store": "memory",
        "rules": [],
        "projects": {"P": {"topics": {"t": {}}, "users": {"ce": {"roles": ["publisher"], "token": "the-token-of-ce"}}}},
        "auth": {"service_token": "service", "certificates": {SUBJECT: "ce"}},
    }
    config = tmp_path / "bridge.yaml"
    config.write_text(json.dumps(settings))
    daemon = await assemble(config, read_settings(config, {}, None), {}, SystemClock())
    await start(daemon)
    try:
        yield Place(daemon, authority, client)
    finally:
        await stop_daemon(daemon)


async def test_a_bound_certificate_logs_in_on_both_ports_and_others_do_not(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        assert len(place.ports) == 2
        for port in place.ports:
            url = f"https://localhost:{port}"
            async with httpx.AsyncClient(base_url=url, verify=place.known) as http:
                assert (await http.get(LOGIN)).json() == {"token": "the-token-of-ce"}
            async with httpx.AsyncClient(base_url=url, verify=place.trust) as http:
                nobody = await http.get(LOGIN)
                assert nobody.status_code == 400
                assert "token" not in nobody.json()
                version = await http.get("/v1/version", headers={"x-api-key": "service"})
                assert version.status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-endless: " + b"b" * 70_000, b"431"),
        (b"GET /" + b"u" * 70_000, b"414"),
        (
            PUBLISH + b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMA\r\n\r\n" + BODY,
            b"200",
        ),
        (PUBLISH + b"content-length: 9\r\n\r\n" + BODY, b"400"),
    ],
    ids=["a head without end", "an address without end", "an offer of another protocol", "two lengths"],
)
async def test_both_ports_read_requests_by_the_same_rules(tmp_path: Path, sent: bytes, status: bytes) -> None:
    async with running(tmp_path) as place:
        for port in place.ports:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=place.trust, server_hostname="localhost"
            )
            writer.write(sent)
            answer = await reader.readline()
            assert answer.split()[1] == status
            writer.close()


async def test_both_ports_share_one_limit_and_one_set_of_deadlines(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        first, second = place.ports
        waiting = []
        for _ in range(place.connections.limits.connections):
            waiting.append(await asyncio.open_connection("127.0.0.1", first))
        url = f"https://localhost:{second}"
        async with httpx.AsyncClient(base_url=url, verify=place.trust) as http:
            assert (await http.get("/healthz")).status_code == 200, "who waits longest at the other port gave way"
        assert await waiting[0][0].read() == b""
        assert place.connections.open <= place.connections.limits.connections
        for _, writer in waiting:
            writer.close()
