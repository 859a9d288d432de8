"""How commands find the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli.command_context import Context
from bridge.cli.output import BadConfiguration
from bridge.cli.setup import DaemonAddress, daemon_address
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
