"""Certificates that are renewed while the daemon runs: a reload takes them up, and connections that stand go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from structlog.testing import capture_logs

from bridge.app.build import assemble
from bridge.app.certificate import fingerprint_of
from bridge.app.daemon import start, stop_daemon
from bridge.app.parts import Daemon
from bridge.settings.settings_file import read_settings
from broker.clock import SystemClock
from broker.delivery import DeliveryQuery
from tests.fakes.certificates import TestAuthority
from tests.fakes.command_line import command
from tests.fakes.tls_server import served

RULE = {"name": "all", "topic": "projects/P/topics/T", "text": "x", "send": "hook"}
TOKEN = {"x-api-key": "service"}


class Place:
    """A daemon with a certificate of an authority, and its settings to change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = TestAuthority(folder)
        pair = self.authority.server()
        self.settings: dict[str, Any] = {
            "server": {
                "listen": "127.0.0.1:0",
                "tls": {"certificate": str(pair.certificate), "key": str(pair.key)},
            },
            "store": "memory",
            "projects": {"P": {"topics": {"T": {}}}},
            "auth": {"service_token": "service"},
            "destinations": {"hook": {"type": "inbox"}},
        }
        self.daemon: Daemon

    def write(self) -> Path:
        config = self.folder / "bridge.yaml"
        config.write_text(json.dumps(self.settings))
        (self.folder / "rules.d").mkdir(exist_ok=True)
        (self.folder / "rules.d" / "rules.yaml").write_text(json.dumps({"rules": [RULE]}))
        return config

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        """The daemon at work, and a client whose first connection stays open."""
        config = self.write()
        self.daemon = await assemble(config, read_settings(config, {}, None), {}, SystemClock())
        await start(self.daemon)
        trust = ssl.create_default_context(cafile=str(self.authority.certificate))
        url = f"https://localhost:{self.daemon.servers[0].port}"
        try:
            async with httpx.AsyncClient(base_url=url, headers=TOKEN, verify=trust, timeout=20) as http:
                yield http
        finally:
            await stop_daemon(self.daemon)

    async def shown(self) -> int:
        """The serial number of the certificate that a new connection is shown."""
        port = self.daemon.servers[0].port
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number


def serial(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


async def test_a_reload_shows_a_renewed_certificate_and_connections_that_stand_go_on(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.running() as http:
        before = await place.shown()
        renewed = place.authority.server()  # under the same names
        assert await place.shown() == before
        answer = await http.post("/api/reload")
        assert answer.status_code == 200
        assert "takes a restart" not in answer.text
        assert await place.shown() == serial(renewed.certificate) != before
        assert (await http.get("/v1/version")).status_code == 200


async def test_a_pair_that_does_not_fit_refuses_the_reload_and_the_old_one_is_shown_on(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with place.running() as http:
        before = await place.shown()
        keys = Path(place.settings["server"]["tls"]["key"])
        keys.write_bytes(place.authority.client((x509.NameOID.COMMON_NAME, "x")).key.read_bytes())
        answer = await http.post("/api/reload")
        assert answer.status_code == 409
        assert "server.tls: the certificate" in answer.text
        assert "key values mismatch" in answer.text
        assert await place.shown() == before


async def test_certificates_in_other_files_are_taken_up_too(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "other").mkdir()
    async with place.running() as http:
        other = TestAuthority(tmp_path / "other").server()
        place.settings["server"]["tls"] = {"certificate": str(other.certificate), "key": str(other.key)}
        place.write()
        assert "takes a restart" not in (await http.post("/api/reload")).text
        assert await place.shown() == serial(other.certificate)
        place.settings["server"]["hsts"] = "off"
        place.write()
        assert "server: changed: this takes a restart" in (await http.post("/api/reload")).text


async def test_a_destination_trusts_a_renewed_authority_after_a_reload(tmp_path: Path) -> None:
    place = Place(tmp_path)
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    old, new = map(TestAuthority, folders)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(old.certificate.read_bytes())
    with served(new.server()) as port:
        place.settings["destinations"]["hook"] = {
            "type": "webhook", "url": f"https://localhost:{port}/x", "ca_file": str(trusted),
            "retry": {"base": "100ms", "max": "200ms"}, "breaker": {"failures": 1000},
        }  # fmt: skip
        async with place.running() as http:
            body = {"messages": [{"data": "aGk="}]}
            assert (await http.post("/v1/projects/P/topics/T:publish", json=body)).status_code == 200
            await until(place, "waiting", tried=True)
            trusted.write_bytes(new.certificate.read_bytes())
            assert (await http.post("/api/reload")).status_code == 200
            await until(place, "delivered", tried=True)


async def until(place: Place, state: str, *, tried: bool) -> None:
    """Return once the one delivery is in this state, and was tried."""
    clock = SystemClock()
    async with clock.timeout(30):
        while True:
            found = await place.daemon.store.outbox.find(DeliveryQuery(limit=10))
            if [(one.state, one.tries > 0) for one in found] == [(state, tried)]:
                return
            await clock.sleep(0.02)


async def test_a_reload_that_changes_no_file_ends_no_courier(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.settings["destinations"]["hook"] = {
        "type": "webhook", "url": "https://localhost:1/x", "ca_file": str(place.authority.certificate),
    }  # fmt: skip
    async with place.running() as http:
        before = place.daemon.couriers.routes["hook"].courier
        assert (await http.post("/api/reload")).status_code == 200
        assert place.daemon.couriers.routes["hook"].courier is before
        place.authority.certificate.write_bytes(place.authority.certificate.read_bytes() + b"\n")
        assert (await http.post("/api/reload")).status_code == 200
        assert place.daemon.couriers.routes["hook"].courier is not before


async def test_every_certificate_that_the_settings_name_is_told_with_its_end(tmp_path: Path) -> None:
    place = Place(tmp_path)
    authority = str(place.authority.certificate)
    client = place.authority.client((x509.NameOID.COMMON_NAME, "x"))
    asks = {"ca_file": authority, "client_certificate": str(client.certificate), "client_key": str(client.key)}
    place.settings["server"]["tls"]["client_ca"] = authority
    place.settings["push"] = asks
    place.settings["destinations"]["hook"] = {"type": "webhook", "url": "https://localhost:1/x", **asks}
    mail = {"type": "email", "host": "localhost", "from": "a@b.org", "to": ["c@d.org"], **asks}
    place.settings["destinations"]["mail"] = mail
    far = {"type": "ams", "topic": "projects/P/topics/T", "endpoint": "localhost:1", "project": "P"}
    place.settings["sources"] = {"far": {**far, "subscription": "S", "token": "x", **asks}}
    asking = ("push", "sources.far", "destinations.hook", "destinations.mail")
    places = {f"{one}.{key}" for one in asking for key in ("ca_file", "client_certificate")}
    places |= {"server.tls.certificate", "server.tls.client_ca"}
    async with place.running() as http:
        clock = SystemClock()
        async with clock.timeout(20):
            while "ams_bridge_certificate_expires_seconds{" not in (page := (await http.get("/metrics")).text):
                await clock.sleep(0.02)
    shown = {line.split('"')[1] for line in page.splitlines() if line.startswith("ams_bridge_certificate_expires")}
    assert shown == places
    said = await asyncio.to_thread(command, "doctor", "-c", str(tmp_path / "bridge.yaml"), "--json")
    told = {one["text"] for one in json.loads(said.out)["findings"] if one["check"] == "certificate"}
    assert {named.partition(":")[0] for named in told} == places


async def test_the_self_signed_start_prints_its_fingerprint(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.settings["server"]["tls"] = "self-signed"
    place.settings["store"] = f"sqlite://{tmp_path}/state/bridge.db"
    config = place.write()
    with capture_logs() as said:
        daemon = await assemble(config, read_settings(config, {}, None), {}, SystemClock())
        await stop_daemon(daemon)
    certificate = tmp_path / "state" / "certificate.pem"
    digest = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(SHA256()).hex(":").upper()
    assert fingerprint_of(certificate) == digest
    assert {"event": "self-signed certificate", "file": str(certificate), "sha256": digest, "log_level": "info"} in said
