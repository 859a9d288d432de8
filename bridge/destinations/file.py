"""A file of JSON lines: one line per delivery, on disk before it counts as delivered.

The line is the exact payload a rule asks for, else the post with the delivery's id and time. A line is written whole or
not at all: what a full disk cut off is taken away again, and what a power cut left is not gone on with. Several daemons
may not write the same file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal

import msgspec
from pydantic import Field

from bridge.core.quantities import ByteSize, FilePath
from bridge.core.system_errors import is_fault_of_settings
from bridge.destinations.base import Delivered, Later, Outcome, Parcel, Preview
from bridge.destinations.config import DestinationConfig
from bridge.destinations.kit.payload import record_of
from rules.model import DestinationFacts

_MODE: Final = 0o640
_MIB: Final = 1024 * 1024


class FileConfig(DestinationConfig):
    """Settings of a file of JSON lines."""

    type: Literal["file"] = "file"
    path: FilePath = Field(description="The file; its folder must be there")
    max_size: ByteSize = Field(
        100 * _MIB, gt=0, description="From this size on the file is put aside and a new one begun"
    )
    keep: int = Field(5, ge=0, le=1_000, description="How many that were put aside are kept: PATH.1 is the newest")
    sync: bool = Field(True, description="Wait until each line is on disk; false: as the system sees fit")


class File:
    """Appends posts to a file."""

    def __init__(self, name: str, config: FileConfig) -> None:
        self._config = config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"file:{name}")
        self.facts = DestinationFacts(name=name, kind="file", takes_body=True)

    async def deliver(self, parcel: Parcel) -> Outcome:
        """See Destination."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._append, _line(parcel))

    async def probe(self) -> Outcome:
        """Look whether the file can be opened for writing; one that is not there yet is not made."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look)

    def preview(self, parcel: Parcel) -> Preview:
        """See Destination."""
        return Preview(target=str(self._config.path), body=record_of(parcel))

    async def close(self) -> None:
        """See Destination."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _append(self, line: bytes) -> Outcome:
        path = self._config.path
        try:
            self._put_aside(len(line))
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            return Later(f"cannot write to {path}: {error.strerror}", misconfigured=is_fault_of_settings(error))
        try:
            return self._write(handle, line)
        finally:
            os.close(handle)

    def _write(self, handle: int, line: bytes) -> Outcome:
        before = os.fstat(handle).st_size
        try:
            rest = memoryview(_own_line(self._config.path, before) + line)
            while rest:
                rest = rest[os.write(handle, rest) :]
            if self._config.sync:
                os.fsync(handle)
                if not before:
                    _sync_folder(self._config.path.parent)
        except OSError as error:
            unclear = not _cut_back(handle, before)
            return Later(f"cannot write to {self._config.path}: {error.strerror}", unclear=unclear)
        return Delivered()

    def _put_aside(self, more_bytes: int) -> None:
        """Begin a new file when this one would grow too large."""
        path = self._config.path
        try:
            size_bytes = path.stat().st_size
        except FileNotFoundError:
            return
        if not size_bytes or size_bytes + more_bytes <= self._config.max_size:
            return
        if not self._config.keep:
            path.unlink()
            return
        for number in range(self._config.keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                _aside(path, number).replace(_aside(path, number + 1))
        path.replace(_aside(path, 1))

    def _look(self) -> Outcome:
        path = self._config.path
        wanted, flags = (path, os.W_OK) if path.exists() else (path.parent, os.W_OK | os.X_OK)
        if path.is_dir() or not os.access(wanted, flags):
            return Later(f"cannot write to {path}: {'it is a folder' if path.is_dir() else f'{wanted} is not ours'}")
        return Delivered()


def _line(parcel: Parcel) -> bytes:
    return msgspec.json.encode(record_of(parcel)) + b"\n"


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _own_line(path: Path, size_bytes: int) -> bytes:
    """What goes before a line: nothing, but after a power cut the line that was not written whole is to end first."""
    if not size_bytes:
        return b""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"


def _sync_folder(folder: Path) -> None:
    """A new file is there after a power cut only when its folder says so on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cut_back(handle: int, size_bytes: int) -> bool:
    """Take away a line that was not written whole; False when even that failed."""
    try:
        os.ftruncate(handle, size_bytes)
    except OSError:
        return False
    return True
