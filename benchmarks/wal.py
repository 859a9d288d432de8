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
    content = store.with_name(f"{store.name}-wal").read_bytes()
    _, _, page_bytes, _, *salts, _, _ = _HEADER.unpack_from(content)
    transactions = pages = 0
    for at in range(_HEADER.size, len(content) - _FRAME.size, _FRAME.size + page_bytes):
        _, pages_of_store, *frame_salts, _, _ = _FRAME.unpack_from(content, at)
        if frame_salts != salts:
            break
        pages += 1
        transactions += pages_of_store > 0
    return LogSoFar((salts[0], salts[1]), transactions, pages)
