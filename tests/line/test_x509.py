"""Certificate login on the main port and on the extra one, in the running daemon."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
from cryptography.x509.oid import NameOID

from bridge.app.build import assemble
from bridge.app.daemon import start, stop_daemon
from bridge.settings.settings_file import read_settings
from broker.clock import SystemClock
from tests.fakes.certificates import TestAuthority

LOGIN = "/v1/service-types/ams/hosts/localhost:authx509"
SUBJECT = "CN=ce.example.org,O=Example,C=GR"


async def test_a_bound_certificate_logs_in_on_both_ports_and_others_do_not(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    server = authority.server()
    client = authority.client(
        (NameOID.COUNTRY_NAME, "GR"), (NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, "ce.example.org")
    )
    settings = {
        "server": {
            "listen": "127.0.0.1:0",
            "x509_listen": "127.0.0.1:0",
            "tls": {
                "certificate": str(server.certificate),
                "key": str(server.key),
                "client_ca": str(authority.certificate),
            },
        },
        "store": "memory",
        "rules": [],
        "projects": {"P": {"users": {"ce": {"roles": ["publisher"], "token": "the-token-of-ce"}}}},
        "auth": {"service_token": "service", "certificates": {SUBJECT: "ce"}},
    }
    config = tmp_path / "bridge.yaml"
    config.write_text(json.dumps(settings))
    daemon = await assemble(config, read_settings(config, {}, None), {}, SystemClock())
    await start(daemon)
    try:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        known = ssl.create_default_context(cafile=str(authority.certificate))
        known.load_cert_chain(client.certificate, client.key)
        assert len(daemon.servers) == 2
        for listening in daemon.servers:
            url = f"https://localhost:{listening.port}"
            async with httpx.AsyncClient(base_url=url, verify=known) as http:
                assert (await http.get(LOGIN)).json() == {"token": "the-token-of-ce"}
            async with httpx.AsyncClient(base_url=url, verify=trust) as http:
                nobody = await http.get(LOGIN)
                assert nobody.status_code == 400
                assert "token" not in nobody.json()
                version = await http.get("/v1/version", headers={"x-api-key": "service"})
                assert version.status_code == 200
    finally:
        await stop_daemon(daemon)
