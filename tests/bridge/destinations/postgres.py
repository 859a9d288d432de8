"""A PostgreSQL server of our own for a test run, on a free loopback port, in memory's speed and gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from broker.clock import SystemClock
from tests.house.requirements import missing

_REMEDY = "apt-get install postgresql (and pip install 'ams-bridge[postgres]')"
_PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin"), Path("/usr/bin"))


def find_programs() -> Path:
    """The folder of the server's programs. Skips the test, or in CI fails it, where they or the library are missing."""
    programs = next((place for place in _PLACES if (place / "initdb").exists()), None)
    if find_spec("psycopg") is None:
        missing("psycopg", _REMEDY)
    if programs is None:
        missing("PostgreSQL", _REMEDY)
    return programs


@contextmanager
def a_postgres() -> Iterator[str]:
    """The URL of a server that runs for the length of the block. Skips the test, or in CI fails it, without one."""
    programs = find_programs()
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="ams-bridge-pg-"))
    # PostgreSQL refuses to run as root; its package brings an account of its own.
    account = "postgres" if os.geteuid() == 0 else None
    try:
        if account is not None:
            shutil.chown(folder, account, account)
        port = _free_port()
        data = folder / "data"
        _run(
            [programs / "initdb", "-D", data, "-A", "trust", "-U", "bridge", "--no-sync", "-E", "UTF8"], account, folder
        )
        command = [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
        with (folder.parent / f"{folder.name}.log").open("wb") as log:
            server = subprocess.Popen(command, user=account, cwd=folder, stdout=log, stderr=log)
        try:
            url = f"postgresql://bridge@127.0.0.1:{port}/postgres"
            _wait_until_ready(lambda: psycopg.connect(url, connect_timeout=2).close(), server)
            yield url
        finally:
            server.terminate()
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)


def _run(command: list[object], account: str | None, folder: Path) -> None:
    words = [str(word) for word in command]
    subprocess.run(words, user=account, cwd=folder, check=True, capture_output=True, timeout=50)


def _wait_until_ready(connect, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            return connect()
        except Exception:
            if server.poll() is not None:
                break
            SystemClock.pause(0.05)
    raise RuntimeError("PostgreSQL did not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
