"""The words to the service manager, heard on a real datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.core.systemd import NotifySocket, credentials_folder, watchdog_interval_s


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
        assert NotifySocket.from_environment({"NOTIFY_SOCKET": address}).notify_ready("3 topics, 2 destinations")
        assert heard_by(listener) == ["READY=1", "STATUS=3 topics, 2 destinations"]


def test_ready_without_a_status_is_one_line(address: str) -> None:
    with a_service_manager(address) as listener:
        NotifySocket(address).notify_ready()
        assert heard_by(listener) == ["READY=1"]


def test_a_reload_carries_the_monotonic_time_in_whole_microseconds(address: str) -> None:
    with a_service_manager(address) as listener:
        NotifySocket(address).notify_reloading(12.3456789)
        assert heard_by(listener) == ["RELOADING=1", "MONOTONIC_USEC=12345678"]


def test_stopping_and_the_watchdog_are_told(address: str) -> None:
    with a_service_manager(address) as listener:
        line = NotifySocket(address)
        line.notify_stopping("draining")
        line.feed_watchdog()
        assert heard_by(listener) == ["STOPPING=1", "STATUS=draining"]
        assert heard_by(listener) == ["WATCHDOG=1"]


def test_a_status_cannot_add_a_field_of_its_own(address: str) -> None:
    with a_service_manager(address) as listener:
        NotifySocket(address).notify_status("rules kept:\nMAINPID=1")
        assert heard_by(listener) == ["STATUS=rules kept: MAINPID=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_service_manager_nothing_is_told_and_nothing_fails(environ: dict[str, str]) -> None:
    with capture_logs() as logs:
        assert not NotifySocket.from_environment(environ).notify_ready("up")
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


def test_the_credentials_folder_is_the_one_systemd_made(tmp_path: Path) -> None:
    assert credentials_folder({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": ""}])
def test_outside_of_a_unit_there_is_no_credentials_folder(environ: dict[str, str]) -> None:
    assert credentials_folder(environ) is None
