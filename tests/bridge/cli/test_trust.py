"""How commands trust the daemon: by its own certificate, by an authority somebody names, and never without either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.certificates import Pair, TestAuthority
from tests.fakes.command_line import Said, command, write
from tests.fakes.tls_server import served
from tests.line.process import DaemonProcess, a_free_port

NAME = "bridge.example.org"
NOBODY = 65_534


def settings(folder: Path, port: int, pair: Pair, more: str = "") -> list[str]:
    """The options that name settings with this certificate."""
    text = f"""\
server:
  listen: "0.0.0.0:{port}"
  tls: {{certificate: "{pair.certificate}", key: "{pair.key}"}}
{more}store: memory
auth: {{service_token: secret}}
"""
    return ["-c", str(write(folder, {"bridge.yaml": text}))]


def alone(said: Said) -> str:
    """What was said about an error, on one line."""
    assert "Traceback" not in said.err
    return " ".join(said.err.split())


PUBLIC = f"  public_url: https://{NAME}\n"


@pytest.mark.parametrize(
    ("hosts", "more"),
    [
        ((NAME,), PUBLIC),
        ((NAME,), ""),
        ((f"*.{NAME.partition('.')[2]}",), PUBLIC),
        (("*.internal.example.org",), ""),
        (("inside.example.org", NAME), PUBLIC),
        (("inside.example.org",), PUBLIC),
        (("127.0.0.1",), PUBLIC),
        (("10.1.2.3",), ""),
        (("xn--brcke-lva.example.org",), "  public_url: https://brücke.example.org\n"),
    ],
    ids=str,
)
def test_a_certificate_of_an_authority_is_known_by_its_file_and_name(
    tmp_path: Path, hosts: tuple[str, ...], more: str
) -> None:
    pair = TestAuthority(tmp_path).server(*hosts)
    with served(pair) as port:
        said = command(*settings(tmp_path, port, pair, more), "ledger")
    assert (said.code, said.err) == (0, "")


def test_a_real_daemon_with_a_certificate_of_an_authority_is_reached_by_its_own_commands(tmp_path: Path) -> None:
    pair = TestAuthority(tmp_path).server(NAME)
    config = settings(tmp_path, a_free_port(), pair, PUBLIC)
    write(tmp_path, {"rules.d/none.yaml": "rules: []\n"})
    daemon = DaemonProcess(Path(config[1]), cwd=tmp_path)
    try:
        daemon.start()
        for words in ("project create P", "topic create P/T", "publish P/T --data x", "ledger", "deliveries list"):
            said = command(*config, *words.split())
            assert (said.code, said.err) == (0, ""), words
    finally:
        daemon.close()


def test_another_certificate_than_the_configured_one_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shown, configured = TestAuthority(tmp_path / "other").server(NAME), TestAuthority(tmp_path).server(NAME)
    with served(shown) as port:
        said = command(*settings(tmp_path, port, configured, PUBLIC), "ledger")
    assert said.code == 1
    assert f"the daemon at https://127.0.0.1:{port} answers, but its certificate is not trusted: " in alone(said)
    for part in (f"subject CN={NAME}", f"for {NAME}", "issuer CN=Test CA", "until 2119-12-08", "--ca FILE"):
        assert part in alone(said)
    assert "Is it running" not in said.err


def test_a_certificate_that_is_over_is_told_with_its_last_day(tmp_path: Path) -> None:
    pair = TestAuthority(tmp_path).server(NAME, ends=datetime(2021, 3, 4, tzinfo=UTC))
    with served(pair) as port:
        said = command(*settings(tmp_path, port, pair, PUBLIC), "ledger")
    assert "its certificate is not trusted: certificate has expired" in alone(said)
    assert "until 2021-03-04" in alone(said)


def test_an_authority_is_named_by_an_option_or_a_variable(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    with served(authority.server()) as port:
        ask = ["--url", f"https://localhost:{port}", "--token", "x", "ledger"]
        refused = command(*ask)
        assert (refused.code, "its certificate is not trusted" in alone(refused)) == (1, True)
        assert command("--ca", str(authority.certificate), *ask).code == 0
        assert command(*ask, "--ca", str(authority.certificate)).code == 0
        assert command(*ask, env={"SSL_CERT_FILE": str(authority.certificate)}).code == 0


def test_a_file_that_an_option_names_is_all_that_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, other = TestAuthority(tmp_path), TestAuthority(tmp_path / "other")
    pair = authority.server()
    with served(pair) as port:
        config = settings(tmp_path, port, pair)
        assert command(*config, "--ca", str(other.certificate), "ledger").code == 1
        assert command(*config, "--ca", str(pair.certificate), "ledger").code == 0


def test_a_name_that_a_certificate_is_not_for_is_told(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    with served(authority.server(NAME)) as port:
        url = f"https://127.0.0.1:{port}"
        said = command("--url", url, "--token", "x", "--ca", str(authority.certificate), "ledger")
    assert "certificate is not valid for '127.0.0.1'" in alone(said)
    assert f"for {NAME}" in alone(said)


@pytest.mark.parametrize(("text", "why"), [(None, "No such file or directory"), ("x", "it holds no certificate")])
def test_a_file_without_authorities_is_named(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    said = command("--url", "https://localhost:1", "--token", "x", "--ca", str(file), "ledger")
    assert (said.code, f"--ca {file} cannot be used: {why}" in alone(said)) == (1, True)


def test_what_speaks_no_tls_is_told_apart_from_what_does_not_answer(tmp_path: Path) -> None:
    with served(None) as port:
        said = command("--url", f"https://127.0.0.1:{port}", "--token", "x", "ledger")
    assert "answers, but TLS failed" in alone(said)
    silent = command("--url", f"https://127.0.0.1:{a_free_port()}", "--token", "x", "ledger")
    assert "does not answer" in alone(silent)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Within the block we are nobody, if we are root: files of others that are not for all cannot be read."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody but its owner may enter, and nobody at all when its owner runs the tests."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    yield folder
    folder.chmod(0o700)


def close(folder: Path) -> None:
    folder.chmod(0o700 if os.geteuid() == 0 else 0o000)
    for parent in folder.parents:
        if parent.stat().st_mode & 0o777 == 0o700:  # pytest's own
            parent.chmod(0o755)


@pytest.mark.parametrize("tls", ["files", "self-signed"])
def test_who_may_not_read_the_certificate_gets_a_sentence(tmp_path: Path, shut: Path, tls: str) -> None:
    pair = TestAuthority(shut).server(NAME)
    certificate = pair.certificate
    if tls == "self-signed":
        certificate = pair.certificate.rename(shut / "certificate.pem")
    pair = Pair(certificate, pair.key)
    with served(pair) as port:
        config = settings(tmp_path, port, pair, PUBLIC)
        if tls == "self-signed":
            text = f'server: {{listen: "127.0.0.1:{port}"}}\nstore: "sqlite:state/bridge.db"\n'
            write(tmp_path, {"bridge.yaml": text})
        command(*config, "ledger")  # what it imports may lie where nobody else may read
        close(shut)
        with somebody_else():
            said = command(*config, "ledger")
        shut.chmod(0o700)
    assert said.code == 1
    assert "answers, but its certificate is not trusted" in alone(said)
    assert f"{certificate} cannot be used (Permission denied)" in alone(said)
    assert "run this as the daemon's user, or name a copy with --ca" in alone(said)


@pytest.mark.parametrize("words", ["ledger", "check", "rules test", "rules explain P/T:0", "doctor", "backup {out}"])
def test_who_may_not_read_the_settings_gets_a_sentence(tmp_path: Path, shut: Path, words: str) -> None:
    config = write(shut, {"bridge.yaml": "store: memory\n", "rules.d/a.yaml": "rules: []\n"})
    typed = [word.format(out=tmp_path / "copy.db") for word in words.split()]
    command("-c", str(config), *typed)
    close(shut)
    with somebody_else():
        said = command("-c", str(config), *typed)
    shut.chmod(0o700)
    assert said.code in (1, 78)
    assert "Permission denied" in alone(said) + said.out


@pytest.mark.parametrize("words", ["ledger", "check", "rules test", "rules coverage", "doctor", "backup {out}"])
def test_who_may_not_enter_the_folder_of_the_store_gets_a_sentence(tmp_path: Path, shut: Path, words: str) -> None:
    config = write(tmp_path, {"bridge.yaml": "store: 'sqlite:state/bridge.db'\n", "rules.d/a.yaml": "rules: []\n"})
    typed = [word.format(out=tmp_path / "copy.db") for word in words.split()]
    command("-c", str(config), *typed)
    close(shut)
    with somebody_else():
        said = command("-c", str(config), *typed)
    shut.chmod(0o700)
    assert "Traceback" not in said.err
