"""The write-ahead log of a store, looked at from outside: how many transactions and pages it took."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">IIIIIIII")
_FRAME: Final = struct.Struct(">IIIIII")


@dataclass(frozen=True, slots=True)
class LogSoFar:
    """The log since it began anew: which one it is, its transactions (each an fsync), and its pages."""

    salts: tuple[int, int]
    transactions: int
    pages: int


def read_log(store: Path) -> LogSoFar:
    """Count the frames of the log that stands in the file; what was there before it began anew has other salts."""
    salts, frames = _read_frames(store)
    return LogSoFar(salts, sum(is_last for _, is_last in frames), len(frames))


def transactions(store: Path) -> list[list[int]]:
    """The numbers of the pages that each transaction of the log wrote, since it began anew."""
    _, frames = _read_frames(store)
    transactions: list[list[int]] = [[]]
    for page, is_last in frames:
        transactions[-1].append(page)
        if is_last:
            transactions.append([])
    return transactions[:-1]


def _read_frames(store: Path) -> tuple[tuple[int, int], list[tuple[int, bool]]]:
    """The salts of the log, and the pages that stand in it: their numbers, and whether a transaction ends with them."""
    content = store.with_name(f"{store.name}-wal").read_bytes()
    _, _, page_bytes, _, *salts, _, _ = _HEADER.unpack_from(content)
    frames: list[tuple[int, bool]] = []
    for at in range(_HEADER.size, len(content) - _FRAME.size, _FRAME.size + page_bytes):
        page, pages_of_store, *frame_salts, _, _ = _FRAME.unpack_from(content, at)
        if frame_salts != salts:
            break
        frames.append((page, pages_of_store > 0))
    return (salts[0], salts[1]), frames
