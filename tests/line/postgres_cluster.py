"""A primary and two standbys of PostgreSQL, one of which must confirm each COMMIT: for tests that kill them.

As root, each has a small disk of its own (in memory), which a test can fill.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from broker.clock import SystemClock
from tests.bridge.destinations.postgres import find_programs
from tests.line.process import a_free_port

_READY_WITHIN_S = 30.0
_DISK_MIB = 768
_FULL = "No space left on device"
_SETTINGS = """
fsync = off
max_connections = 100
wal_keep_size = 48MB
min_wal_size = 32MB
max_wal_size = 64MB
synchronous_commit = on
synchronous_standby_names = 'ANY 1 (s0, s1, s2)'
"""


class Server:
    """One server, which may be primary or standby."""

    def __init__(self, programs: Path, folder: Path, name: str, account: str | None) -> None:
        self.name = name
        self.port = a_free_port()
        self._programs = programs
        self._folder = folder
        self._account = account
        self._is_mounted = False
        self._log = folder / f"{name}.log"
        self.data = folder / name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://bridge@127.0.0.1:{self.port}/postgres"

    def mount(self) -> bool:
        """Have a small disk of its own; whether that is possible: it takes root, and the right to mount."""
        if self._account is None:
            return False
        self.data.mkdir(mode=0o700)
        shutil.chown(self.data, self._account, self._account)
        owner = pwd.getpwnam(self._account)
        options = f"size={_DISK_MIB}m,mode=700,uid={owner.pw_uid},gid={owner.pw_gid}"
        mounting = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.data)]
        self._is_mounted = subprocess.run(mounting, check=False, capture_output=True).returncode == 0
        return self._is_mounted

    def fill_disk(self) -> None:
        """Leave no room on its disk, and return when it has met that."""
        told = self._log.read_text(errors="replace").count(_FULL)
        with suppress(OSError), (self.data / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(1 << 16))
                filler.flush()
        clock = SystemClock()
        ends = clock.monotonic() + _READY_WITHIN_S
        while self._log.read_text(errors="replace").count(_FULL) == told:
            assert clock.monotonic() < ends, f"{self.name}: its disk is full, and it did not notice"
            clock.pause(0.05)

    def free_disk(self) -> None:
        """Make room again; a server that ended of it is started."""
        (self.data / "filler").unlink()
        clock = SystemClock()
        clock.pause(0.5)
        if self._process is not None and self._process.poll() is not None:
            self.start()
        self.wait_until("SELECT NOT pg_is_in_recovery()")

    def make(self) -> None:
        """An empty primary."""
        words = ["-A", "trust", "-U", "bridge", "--no-sync", "-E", "UTF8", "--wal-segsize", "4"]
        self.run("initdb", "-D", self.data, *words)
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)

    def copy(self, primary: Server) -> None:
        """Become a standby of a primary, with nothing of what was here before."""
        self._clear()
        at = f"host=127.0.0.1 port={primary.port} user=bridge application_name={self.name}"
        self.run("pg_basebackup", "-D", self.data, "-d", at, "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def start(self) -> None:
        where = ["-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self._folder]
        command = [self._programs / "postgres", *where]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, user=self._account, cwd=self._folder, stdout=log, stderr=log)
        self.wait_until("SELECT true")

    def kill(self) -> None:
        """kill -9; what it had begun ends with it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.data)], check=True, capture_output=True)

    def _clear(self) -> None:
        """Remove all that is there, but for the folder itself where that is a disk."""
        for each in self.data.iterdir() if self.data.exists() else ():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)

    def ask(self, question: str) -> object:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as db:
            db.execute("SET synchronous_commit = off")
            row = db.execute(question).fetchone()
            return row[0] if row is not None else None

    def tell(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as db:
            db.execute("SET synchronous_commit = off")
            for statement in statements:
                db.execute(statement)

    def wait_until(self, question: str) -> None:
        clock = SystemClock()
        ends = clock.monotonic() + _READY_WITHIN_S
        while clock.monotonic() < ends:
            try:
                if self.ask(question):
                    return
            except psycopg.Error:
                pass
            clock.pause(0.05)
        raise AssertionError(f"{self.name}: {question}: {self._log.read_text()[-2000:]}")

    def run(self, program: str, *words: object) -> None:
        command = [str(self._programs / program), *(str(word) for word in words)]
        subprocess.run(command, user=self._account, cwd=self._folder, check=True, capture_output=True, timeout=60)


class Cluster:
    """The servers, and which one is the primary."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers
        self.primary = servers[0]
        self.has_disks = False

    @property
    def url(self) -> str:
        """All of them: whoever connects finds the one that takes writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"postgresql://bridge@{hosts}/postgres"

    @property
    def standbys(self) -> list[Server]:
        return [server for server in self.servers if server is not self.primary]

    def begin(self) -> None:
        self.has_disks = all(server.mount() for server in self.servers)
        self.primary.make()
        self.primary.start()
        for standby in self.standbys:
            standby.copy(self.primary)
            standby.start()
        self.primary.wait_until("SELECT count(*) = 2 FROM pg_stat_replication WHERE state = 'streaming'")

    def fail_over(self) -> None:
        """The primary dies, and the standby that has most takes its place; the dead one begins anew behind it."""
        dead = self.primary
        dead.kill()
        received = "SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn"
        self.primary = max(self.standbys, key=lambda standby: int(str(standby.ask(received))))
        self.primary.tell("SELECT pg_promote()")
        self.primary.wait_until("SELECT NOT pg_is_in_recovery()")
        for standby in self.standbys:
            if standby is not dead:
                at = f"host=127.0.0.1 port={self.primary.port} user=bridge application_name={standby.name}"
                standby.tell(f"ALTER SYSTEM SET primary_conninfo = '{at}'", "SELECT pg_reload_conf()")
        dead.copy(self.primary)
        dead.start()

    def restart(self) -> None:
        """All of them die at once, and are begun again."""
        for server in self.servers:
            server.kill()
        for server in self.servers:
            server.start()


@contextmanager
def a_cluster() -> Iterator[Cluster]:
    """Three servers that run for the length of the block. Skips the test, or in CI fails it, without PostgreSQL."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="ams-bridge-pg3-"))
    account = "postgres" if os.geteuid() == 0 else None
    if account is not None:
        shutil.chown(folder, account, account)
    cluster = Cluster([Server(programs, folder, f"s{number}", account) for number in range(3)])
    try:
        cluster.begin()
        yield cluster
    finally:
        for server in cluster.servers:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)
