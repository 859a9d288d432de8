"""A certificate of our own: every kind that speaks HTTP, the pull, pushes and the bot's listener show it who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.x509.oid import NameOID

from bridge.api.ports import LivePorts
from bridge.chat.websocket import Lost, connect_websocket
from bridge.core.secret import Secret
from bridge.core.trust import ClientPair
from bridge.destinations.destination_kinds import KINDS
from bridge.destinations.kit.redact import Redactor
from bridge.push.http import NotPosted, PushHttp
from broker.clock import SystemClock
from tests.bridge.destinations.test_ca_file import FAR as FAR_AWAY
from tests.bridge.destinations.test_ca_file import HTTP_KINDS, probed, pulled
from tests.fakes.certificates import Pair, TestAuthority
from tests.fakes.command_line import command, write
from tests.fakes.tls_server import served

TURNED_AWAY = ("certificate required", "TLS failed", "no answer", "no connection", "cannot connect", "Broken pipe")


class Place:
    """A server that wants certificates of one authority, and one such certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = TestAuthority(folder)
        self.server = self.authority.server()
        self.client = self.authority.client((NameOID.COMMON_NAME, "bridge.example.org"))

    @property
    def pair(self) -> ClientPair:
        return ClientPair(self.client.certificate, self.client.key)

    @contextmanager
    def served(self) -> Iterator[str]:
        with served(self.server, client_ca=self.authority.certificate) as port:
            yield f"https://localhost:{port}"


def in_one_file(pair: Pair) -> Path:
    """The certificate with its key behind it."""
    both = pair.certificate.with_name("both.pem")
    both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    return both


def is_turned_away(reason: str) -> bool:
    return any(words in reason for words in TURNED_AWAY)


@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_every_kind_shows_its_certificate_to_who_asks(tmp_path: Path, kind: str) -> None:
    place = Place(tmp_path)
    client = place.client
    with place.served() as url:
        assert is_turned_away(await probed(kind, url, place.authority.certificate))
        for files in (
            {"client_certificate": client.certificate, "client_key": client.key},
            {"client_certificate": in_one_file(client)},
        ):
            assert not is_turned_away(await probed(kind, url, place.authority.certificate, **files))


@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_a_pair_that_does_not_fit_is_named_and_nothing_is_asked(tmp_path: Path, kind: str) -> None:
    place = Place(tmp_path)
    files = {"client_certificate": place.client.certificate, "client_key": place.server.key}
    reason = await probed(kind, "https://localhost:1", None, **files)
    assert f"the client_certificate {tmp_path}/client.pem cannot be used: key values mismatch" in reason


def test_every_kind_that_takes_an_authority_takes_a_certificate() -> None:
    takes = [name for name, kind in KINDS.items() if "ca_file" in kind.config.model_fields]
    assert [name for name in takes if "client_certificate" not in KINDS[name].config.model_fields] == []


def test_a_key_without_its_certificate_is_refused() -> None:
    fields = {"type": "webhook", "url": "https://a.example", "client_key": "k.pem"}
    with pytest.raises(ValueError, match='"client_key" needs the "client_certificate"'):
        KINDS["webhook"].config.model_validate(fields)


async def test_a_pull_shows_its_certificate(tmp_path: Path) -> None:
    place = Place(tmp_path)
    client = place.client
    with place.served() as url:
        endpoint, trust = url.removeprefix("https://"), {"ca_file": place.authority.certificate}
        assert is_turned_away(await pulled(endpoint, trust))
        shown = trust | {"client_certificate": client.certificate, "client_key": client.key}
        assert not is_turned_away(await pulled(endpoint, shown))


async def test_pushes_and_the_verification_of_endpoints_show_the_certificate_of_the_settings(tmp_path: Path) -> None:
    place = Place(tmp_path)
    authority = place.authority.certificate
    with place.served() as url:
        for pair, answered in ((None, False), (place.pair, True)):
            http = PushHttp(SystemClock(), allow_private=True, ca_file=authority, client_pair=pair)
            ports = LivePorts(SystemClock(), allow_private=True, ca_file=authority, client_pair=pair)
            said = await asyncio.gather(http.post(url, b"{}", {}), ports.fetch(url), return_exceptions=True)
            await http.close()
            assert [getattr(one, "status", None) == 200 for one in said] == [answered, answered]
    http = PushHttp(SystemClock(), allow_private=True, client_pair=ClientPair(tmp_path / "gone.pem"))
    with pytest.raises(NotPosted, match=r"the client_certificate .*/gone.pem cannot be used: No such file"):
        await http.post(url, b"{}", {})


async def test_a_bot_listens_with_its_certificate(tmp_path: Path) -> None:
    place = Place(tmp_path)
    authority = place.authority.certificate
    with place.served() as url:
        for pair, turned_away in ((None, True), (place.pair, False)):
            with pytest.raises(Lost) as lost:
                async with connect_websocket(url, Secret("x"), 5.0, Redactor([]), authority, pair):
                    pass
            assert ("Invalid response status" in str(lost.value)) is not turned_away


async def test_pushes_under_way_end_as_they_began_when_a_certificate_is_renewed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    http = PushHttp(SystemClock(), allow_private=True, ca_file=place.authority.certificate, client_pair=place.pair)
    with place.served() as url:
        assert (await http.post(url, b"{}", {})).status == 200
        posting = [asyncio.ensure_future(http.post(url, b"{}", {})) for _ in range(10)]
        await SystemClock().sleep(0)
        place.authority.client((NameOID.COMMON_NAME, "renewed.example.org"))  # under the same name
        await http.renew()
        assert {answer.status for answer in await asyncio.gather(*posting)} == {200}
        assert (await http.post(url, b"{}", {})).status == 200
    await http.close()


HOOK = "{type: webhook, url: 'https://a.example', client_certificate: gone.pem}"
MAIL = "{type: email, host: localhost, from: a@b.org, to: [c@d.org], client_certificate: gone.pem}"
FAR = FAR_AWAY.replace("ca_file", "client_certificate")


@pytest.mark.parametrize(
    ("section", "place"),
    [
        (f"destinations: {{it: {HOOK}}}", "destinations.it"),
        (f"destinations: {{it: {MAIL}}}", "destinations.it"),
        ("push: {client_certificate: gone.pem}", "push"),
        (FAR, "sources.far"),
    ],
)
def test_check_and_start_name_the_place_of_a_certificate_that_cannot_be_used(
    tmp_path: Path, section: str, place: str
) -> None:
    config = write(tmp_path, {"bridge.yaml": f"store: memory\n{section}\n", "rules.d/a.yaml": "rules: []\n"})
    why = "cannot be used: No such file or directory"
    for words in (["check"], ["run"]):
        said = command(*words, "-c", str(config))
        assert said.code == 78
        assert f"{place}.client_certificate: the certificate {tmp_path}/gone.pem {why}" in said.err
