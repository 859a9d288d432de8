"""The machine in general words, and who runs on which of its processors."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path
from typing import Final

_KINDS: Final = {"x86_64": "64-bit x86", "aarch64": "64-bit ARM"}
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_OURS: Final = sorted(os.sched_getaffinity(0))


def in_words() -> str:
    """Processors and versions; nothing that tells where this machine is."""
    kind = _KINDS.get(platform.machine(), "other")
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    virtual = ", virtual" if "hypervisor" in flags else ""
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{os.cpu_count()} cores ({kind}{virtual}), {versions}, synchronous=FULL."


def pin(pid: int, *, server: bool) -> None:
    """Keep a process to the first processor (servers) or to the others (those who load them), if there are several."""
    os.sched_setaffinity(pid, _OURS[:1] if server else _OURS[1:] or _OURS)


def unpin() -> None:
    """Let this process run where it likes again."""
    os.sched_setaffinity(0, _OURS)


def cpu_s(pid: int) -> float:
    """The processor time a process has taken."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """The memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
