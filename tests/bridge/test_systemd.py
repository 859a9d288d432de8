"""The words to the service manager, heard on a real datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.systemd import CredentialMissing, NotifySocket, credential, watchdog_interval_s


@contextmanager
def a_service_manager(address: str) -> Iterator[socket.socket]:
    """A socket that listens where the service manager would; ``address`` as in $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        listener.settimeout(5)
        yield listener


def heard_by(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@ams-bridge-test{tmp_path}"


def test_ready_is_told_with_the_line_that_systemctl_shows(address: str) -> None:
    with a_service_manager(address) as listener:
        assert NotifySocket.from_environment({"NOTIFY_SOCKET": address}).ready("3 topics, 2 destinations")
        assert heard_by(listener) == ["READY=1", "STATUS=3 topics, 2 destinations"]


def test_ready_without_a_status_is_one_line(address: str) -> None:
    with a_service_manager(address) as listener:
        NotifySocket(address).ready()
        assert heard_by(listener) == ["READY=1"]


def test_a_reload_carries_the_monotonic_time_in_whole_microseconds(address: str) -> None:
    with a_service_manager(address) as listener:
        NotifySocket(address).reloading(12.3456789)
        assert heard_by(listener) == ["RELOADING=1", "MONOTONIC_USEC=12345678"]


def test_stopping_and_the_watchdog_are_told(address: str) -> None:
    with a_service_manager(address) as listener:
        line = NotifySocket(address)
        line.stopping("draining")
        line.feed_watchdog()
        assert heard_by(listener) == ["STOPPING=1", "STATUS=draining"]
        assert heard_by(listener) == ["WATCHDOG=1"]


def test_a_status_cannot_add_a_field_of_its_own(address: str) -> None:
    with a_service_manager(address) as listener:
        NotifySocket(address).status("rules kept:\nMAINPID=1")
        assert heard_by(listener) == ["STATUS=rules kept: MAINPID=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_service_manager_nothing_is_told_and_nothing_fails(environ: dict[str, str]) -> None:
    with capture_logs() as logs:
        assert not NotifySocket.from_environment(environ).ready("up")
    assert logs == []


def test_a_service_manager_that_went_away_is_logged_and_never_stops_the_daemon(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert not NotifySocket(str(tmp_path / "gone")).feed_watchdog()
    assert [(entry["event"], entry["told"]) for entry in logs] == [("service_manager_unreachable", "WATCHDOG=1")]


def test_the_watchdog_is_fed_twice_within_its_time() -> None:
    assert watchdog_interval_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, pid=77) == 15.0


def test_a_watchdog_without_an_owner_is_ours() -> None:
    assert watchdog_interval_s({"WATCHDOG_USEC": "500000"}, pid=77) == 0.25


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert watchdog_interval_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, pid=77) is None


def test_no_watchdog_is_fed_when_none_was_asked_for() -> None:
    assert watchdog_interval_s({}, pid=77) is None


@pytest.mark.parametrize("timeout", ["soon", "0", "-1", "1.5", "\u0663"])
def test_a_watchdog_time_that_is_no_number_is_named(timeout: str) -> None:
    with pytest.raises(ValueError, match=r"\$WATCHDOG_USEC must be a positive whole number"):
        watchdog_interval_s({"WATCHDOG_USEC": timeout}, pid=77)


def in_folder(folder: Path) -> dict[str, str]:
    return {"CREDENTIALS_DIRECTORY": str(folder)}


@pytest.mark.parametrize(
    ("stored", "read"), [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("a\nb\r\n", "a\nb"), (" s ", " s ")]
)
def test_a_credential_is_its_file_without_one_trailing_newline(tmp_path: Path, stored: str, read: str) -> None:
    (tmp_path / "service-token").write_bytes(stored.encode())
    assert credential("service-token", in_folder(tmp_path)) == read


def test_a_missing_credential_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(CredentialMissing, match=r"LoadCredential=mattermost-hook .* /etc/credstore") as caught:
        credential("mattermost-hook", in_folder(tmp_path))
    assert (caught.value.name, caught.value.folder) == ("mattermost-hook", tmp_path)


def test_without_a_credentials_folder_the_error_says_what_to_set() -> None:
    with pytest.raises(CredentialMissing, match=r"\$CREDENTIALS_DIRECTORY is not set") as caught:
        credential("service-token", {})
    assert caught.value.folder is None


@pytest.mark.parametrize("name", ["../shadow", "/etc/shadow", "..", ".", "", "a/b", "a\0b"])
def test_a_credential_name_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path.parent / "shadow").write_text("no")
    with pytest.raises(CredentialMissing, match="letters, digits"):
        credential(name, in_folder(tmp_path))


def test_a_folder_in_place_of_a_credential_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(CredentialMissing, match="Is a directory"):
        credential("token", in_folder(tmp_path))


def test_a_credential_that_is_not_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfesecret")
    with pytest.raises(CredentialMissing, match="is not UTF-8 text") as caught:
        credential("token", in_folder(tmp_path))
    assert "secret" not in str(caught.value)
