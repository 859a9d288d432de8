"""What the daemon and its service manager say to each other: readiness, reload, stop, watchdog, credentials.

Follows sd_notify(3), sd_watchdog_enabled(3) and the credentials part of systemd.exec(5). Everything is read
from an environment mapping that is passed in, so a daemon started by hand, in a container or in a test
behaves the same and merely has nobody to tell.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

_SEND_TIMEOUT_S = 1.0
JOURNAL_ERROR: Final = 3
"""The priority of an error, as syslog and the journal number them."""


@dataclass(frozen=True, slots=True)
class NotifySocket:
    """The line to the service manager; each method tells it one thing and says whether it was taken.

    ``address`` is None when nobody listens, and then every method returns False and does nothing else.
    A service manager that cannot be reached is logged and never stops the daemon, as sd_notify(3) advises.
    """

    address: str | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> NotifySocket:
        """The socket named by ``$NOTIFY_SOCKET``: a path, or ``@name`` in the abstract namespace."""
        return cls(environ.get("NOTIFY_SOCKET") or None)

    def notify_ready(self, status: str = "") -> bool:
        """Tell that startup, or a reload, is complete; ``status`` is the line that ``systemctl status`` shows."""
        return self._send("READY=1", *_status_line(status))

    def notify_reloading(self, monotonic_s: float) -> bool:
        """Tell that a reload begins at ``monotonic_s`` (CLOCK_MONOTONIC); ``notify_ready`` must follow when it ends."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={int(monotonic_s * 1_000_000)}")

    def notify_stopping(self, status: str = "") -> bool:
        """Tell that the daemon has begun to stop."""
        return self._send("STOPPING=1", *_status_line(status))

    def notify_status(self, status: str) -> bool:
        """Change the line that ``systemctl status`` shows, and nothing else."""
        return self._send(*_status_line(status))

    def feed_watchdog(self) -> bool:
        """Tell that the daemon is alive; due at least every ``watchdog_interval_s`` seconds."""
        return self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> bool:
        if self.address is None or not lines:
            return False
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(_SEND_TIMEOUT_S)
                line.sendto("\n".join(lines).encode(), name)
        except OSError as error:
            from structlog import get_logger  # commands ask for the credentials folder only

            log = get_logger(__name__)
            log.warning("service_manager_unreachable", address=self.address, told=lines[0], reason=str(error))
            return False
        return True


def watchdog_interval_s(environ: Mapping[str, str], pid: int) -> float | None:
    """How often, in seconds, the watchdog must be fed so that one late turn is forgiven; None if never.

    Half of ``$WATCHDOG_USEC``, as sd_watchdog_enabled(3) advises. A watchdog set for another process
    (``$WATCHDOG_PID`` is not ``pid``) is not ours. Raises ValueError when either is not a number.
    """
    timeout = environ.get("WATCHDOG_USEC", "")
    if not timeout:
        return None
    owner = environ.get("WATCHDOG_PID", "")
    timeout_us = _whole_number("WATCHDOG_USEC", timeout)
    if owner and _whole_number("WATCHDOG_PID", owner) != pid:
        return None
    return timeout_us / 2 / 1_000_000


def credentials_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder with one file per ``LoadCredential=`` (``$CREDENTIALS_DIRECTORY``); None outside of such a unit."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(folder) if folder else None


def runtime_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder for files that go with the process (``$RUNTIME_DIRECTORY``); None where nobody made one."""
    folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) if folder else None


def is_journal(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Whether what is written to ``stream`` goes straight to the journal, as ``$JOURNAL_STREAM`` says."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream that is no file
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def mark_priority(text: str, priority: int) -> str:
    """``text`` with its priority before each line, as sd-daemon(3) has it; the journal takes that away again."""
    return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))


def _status_line(status: str) -> tuple[str, ...]:
    """One STATUS= line; a line break inside would start a field of its own, so it becomes a space."""
    return (f"STATUS={' '.join(status.split())}",) if status else ()


def _whole_number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ValueError(f"${name} must be a positive whole number, not {value!r}")
    return int(value)
