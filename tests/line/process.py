"""A real daemon in a process of its own, for tests that kill it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

PROGRAM = (
    "import os, sys; from pathlib import Path; from bridge.app.daemon import run; "
    "sys.exit(run(Path(sys.argv[1]), os.environ))"
)
ROOT = Path(__file__).parent.parent.parent
READY_WITHIN_S = 60.0


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DaemonProcess:
    """Starts the daemon and returns when it says READY, as it does to systemd."""

    def __init__(self, config: Path, *, cwd: Path, prelude: str = "") -> None:
        """``prelude`` is Python that the process runs first, to break something in itself."""
        self.config = config
        self._program = prelude + PROGRAM
        self._cwd = cwd
        self._log = (cwd / "daemon.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, until: bytes = b"READY=1", **environ: str) -> None:
        """Start, and return when the daemon told its service manager ``until``."""
        self._notices.close()
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"@ams-bridge-test-{os.getpid()}-{id(self)}-{id(self._notices)}"
        self._notices.bind("\0" + address[1:])
        self._notices.settimeout(READY_WITHIN_S)
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._program, str(self.config)],
            cwd=self._cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": address, **environ},
            stdout=self._log,
            stderr=self._log,
        )
        self.hear(until)

    def hear(self, until: bytes) -> None:
        """Return when the daemon tells its service manager ``until``."""
        while until not in self._notices.recv(4096):
            pass

    def drain_notices(self) -> None:
        """Read what nobody waited for, as a service manager does: else the daemon's next word may wait."""
        self._notices.setblocking(False)
        try:
            while self._notices.recv(4096):
                pass
        except BlockingIOError:
            pass
        finally:
            self._notices.settimeout(READY_WITHIN_S)

    def is_fed(self, within_s: float) -> bool:
        """Whether the daemon tells its service manager within this time that it lives."""
        self._notices.settimeout(within_s)
        try:
            self.hear(b"WATCHDOG=1")
        except TimeoutError:
            return False
        finally:
            self._notices.settimeout(READY_WITHIN_S)
        return True

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        assert self._process.wait(30) == -signal.SIGKILL

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(60)
        self._process = None
        return code

    def wait(self) -> int:
        """The exit code of a daemon that ends."""
        assert self._process is not None
        code = self._process.wait(60)
        self._process = None
        return code

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)
        self._notices.close()
        self._log.close()
        sys.stderr.write(self.log)  # pytest shows it when the test fails

    @property
    def log(self) -> str:
        return (self._cwd / "daemon.log").read_text()
