"""How commands find the daemon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.cli.command_context import Context
from bridge.cli.daemon_address import DaemonAddress, daemon_address
from bridge.cli.output import BadConfiguration
from bridge.cli.setup import whole_reach
from bridge.core.references import ReferenceSources
from bridge.settings.reach_settings import read_reach
from tests.fakes.command_line import write

SELF_SIGNED = "server: {listen: '0.0.0.0:8443'}\nstore: sqlite:state/bridge.db\nauth: {service_token: secret}\n"


def a_context(folder: Path, settings: str | None = SELF_SIGNED, **said: str) -> Context:
    """Options as given, with settings in ``folder``."""
    if settings is not None:
        write(folder, {"bridge.yaml": settings})
    return Context(config=folder / "bridge.yaml", **said)


def test_a_daemon_that_listens_everywhere_is_asked_here_by_its_own_certificate(tmp_path: Path) -> None:
    address = daemon_address(a_context(tmp_path))
    assert address == DaemonAddress("https://127.0.0.1:8443", "secret", tmp_path / "state" / "certificate.pem")


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("10.0.0.1:80", "http://10.0.0.1:80"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[fd00::1]:8080", "http://[fd00::1]:8080"),
        (":8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_address_follows_the_settings(tmp_path: Path, listen: str, url: str) -> None:
    settings = f"server: {{listen: '{listen}', tls: off}}\n"
    assert daemon_address(a_context(tmp_path, settings)) == DaemonAddress(url, "")


def test_options_win(tmp_path: Path) -> None:
    address = daemon_address(a_context(tmp_path, url="https://bridge.example.org/", token="mine"))
    assert (address.url, address.token) == ("https://bridge.example.org", "mine")


def test_with_a_url_no_settings_are_needed(tmp_path: Path) -> None:
    address = daemon_address(a_context(tmp_path, None, url="http://127.0.0.1:1"))
    assert address == DaemonAddress("http://127.0.0.1:1", "")


def test_with_a_token_the_secrets_of_the_settings_are_not_looked_at(tmp_path: Path) -> None:
    settings = "server: {listen: '127.0.0.1:80', tls: off}\nauth: {service_token: '${credential:service-token}'}\n"
    assert daemon_address(a_context(tmp_path, settings, token="mine")) == DaemonAddress("http://127.0.0.1:80", "mine")


def test_settings_that_are_needed_and_bad_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="cannot read the file"):
        daemon_address(a_context(tmp_path, None))
    with pytest.raises(BadConfiguration, match="there is no credentials folder"):
        daemon_address(a_context(tmp_path, "auth: {service_token: '${credential:service-token}'}\n"))


@pytest.mark.parametrize(
    "settings",
    [
        "",
        SELF_SIGNED,
        "server: {listen: '127.0.0.1:1', tls: off, public_url: 'https://bridge.example.org'}\nstore: memory\n",
        "server: {tls: {certificate: cert.pem, key: key.pem}}\nstore: postgresql://bridge@db/bridge\n",
        "auth: {service_token: '${env:TOKEN}'}\nstore: sqlite:///var/lib/bridge.db\n",
    ],
)
def test_what_is_read_by_itself_is_what_all_settings_say(
    tmp_path: Path, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    context = a_context(tmp_path, settings)
    around = ReferenceSources(os.environ, None, tmp_path)
    for with_token in (True, False):
        found = read_reach(tmp_path / "bridge.yaml", around, with_token=with_token)
        assert found == (whole_reach(context, with_token=with_token) if settings else None)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("server: {listen: nowhere}\n", "is not HOST:PORT"),
        ("server: {public_url: bridge.example.org}\n", "is no address for a browser"),
        ("server: {tls: maybe}\n", "server.tls"),
        ("server: {tls: {certificate: cert.pem}}\n", "server.tls"),
        ("store: mysql://db\n", "no such store"),
        ("auth: {service_token: '${env:NOBODY_HAS_IT}'}\n", "the environment has no variable"),
        ("- a list\n", "a mapping of sections"),
    ],
)
def test_what_cannot_be_meant_is_told_in_the_words_of_the_whole_reader(
    tmp_path: Path, settings: str, problem: str
) -> None:
    with pytest.raises(BadConfiguration, match=problem):
        daemon_address(a_context(tmp_path, settings))


def test_what_is_wrong_elsewhere_in_the_settings_keeps_nobody_from_asking_the_daemon(tmp_path: Path) -> None:
    settings = "server: {listen: '127.0.0.1:80', tls: off}\ndestinations: {team: {type: nothing}}\n"
    assert daemon_address(a_context(tmp_path, settings)) == DaemonAddress("http://127.0.0.1:80", "")
