"""Notes of what is under decision, in a file that outlives the process.

A call into C that does not end holds the interpreter: from then on no thread of Python writes anything. So what is to
be decided is noted *before*, in a small file that is mapped into memory: writing there takes a microsecond and no
system call, and the kernel keeps it when the process is killed. It is never synced: after a power cut a note may be
missing or old, and an old one names what has been decided since.

The file is a header (magic, and a random name of the run that wrote it) and slots of equal size, one for each worker. A
slot says whether its worker is at work, and on what; a checksum tells a note that was cut off while it was written.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Final

_MAGIC: Final = b"AMSBNOTE"
_RUN_BYTES: Final = 16
_SLOT_BYTES: Final = 256
_HEAD: Final = struct.Struct("<BBI")  # at work, length of the name, its checksum
_NAME_BYTES: Final = _SLOT_BYTES - _HEAD.size
_FIRST_SLOTS: Final = 63  # with the header 16 KiB


class NotesUnusable(Exception):
    """The file of notes cannot be read or made; the text says why."""


def read_notes(path: Path) -> tuple[bytes, list[str]]:
    """The run that wrote the file, and the names that were under decision when it ended; nothing where there is none.

    Raises NotesUnusable when the file is there and cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return b"", []
    except OSError as error:
        raise NotesUnusable(str(error)) from error
    if not content.startswith(_MAGIC) or len(content) < _SLOT_BYTES:
        return b"", []
    run = content[len(_MAGIC) : len(_MAGIC) + _RUN_BYTES]
    names = []
    for start in range(_SLOT_BYTES, len(content) - _SLOT_BYTES + 1, _SLOT_BYTES):
        at_work, length, checksum = _HEAD.unpack_from(content, start)
        name = content[start + _HEAD.size : start + _HEAD.size + length]
        if at_work and length <= _NAME_BYTES and zlib.crc32(name) == checksum:
            names.append(name.decode("utf-8", "replace"))
    return run, names


def note_name(name: str) -> str:
    """``name`` as a note can hold it: a long one is cut, and a digest keeps it apart from others."""
    if len(name.encode("utf-8", "replace")) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return f"{name[:40]}#{digest}"


class PoisonNotes:
    """The file of notes of this run; its slots are given to workers and taken back."""

    def __init__(self, path: Path, run: bytes) -> None:
        """Begin anew, with no note in it. Raises NotesUnusable."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise NotesUnusable(str(error)) from error
        try:
            os.ftruncate(self._descriptor, 0)
            self._slots = 0
            self._free: list[int] = []
            self._bytes = self._map(_FIRST_SLOTS)
            self._bytes[: len(_MAGIC) + _RUN_BYTES] = _MAGIC + run[:_RUN_BYTES].ljust(_RUN_BYTES, b"\0")
        except (OSError, ValueError) as error:
            os.close(self._descriptor)
            raise NotesUnusable(str(error)) from error

    def take_slot(self) -> int:
        """A slot for one worker. Raises NotesUnusable when the disk has no room for more."""
        if not self._free:
            self._bytes.close()
            try:
                self._bytes = self._map(self._slots * 2)
            except (OSError, ValueError) as error:
                self._bytes = mmap.mmap(self._descriptor, (self._slots + 1) * _SLOT_BYTES)
                raise NotesUnusable(str(error)) from error
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Take back the slot of a worker that is gone."""
        self.clear(slot)
        self._free.append(slot)

    def note(self, slot: int, name: str) -> None:
        """Note that the worker of this slot begins with ``name`` (see ``note_name``)."""
        text = name.encode("utf-8", "replace")[:_NAME_BYTES]
        whole = _HEAD.pack(1, len(text), zlib.crc32(text)) + text
        self._bytes[slot : slot + len(whole)] = whole

    def clear(self, slot: int) -> None:
        """Note that the worker of this slot is done with what it had noted."""
        self._bytes[slot] = 0

    def close(self) -> None:
        """Take no more notes. What is noted stays, as after a death."""
        self._bytes.close()
        os.close(self._descriptor)

    def _map(self, slots: int) -> mmap.mmap:
        """The file with so many slots, all on the disk at once: a full one must not end the process later."""
        size = (slots + 1) * _SLOT_BYTES
        os.posix_fallocate(self._descriptor, 0, size)
        mapped = mmap.mmap(self._descriptor, size)
        self._free.extend(start * _SLOT_BYTES for start in range(slots, self._slots, -1))
        self._slots = slots
        return mapped
