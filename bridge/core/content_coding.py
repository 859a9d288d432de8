"""Unpacks what came packed (``Content-Encoding``), within a bound.

We ask for ``identity``; some servers and proxies pack all the same. What cannot be unpacked says why.
"""

from __future__ import annotations

import importlib
import zlib
from dataclasses import dataclass
from typing import Any, Final

IDENTITY: Final = {"Accept-Encoding": "identity"}
"""What every request of ours asks for."""
_MOST_CODINGS: Final = 3
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
PLAIN: Final = frozenset({"", "identity", "none", "utf-8", "binary", "8bit"})
"""Words that say nothing was done, some by habit."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A body as it was before it was packed, as far as it could be read; ``wrong`` says why not all of it."""

    body: bytes
    wrong: str = ""


def unpack(body: bytes, content_encoding: str, longest_bytes: int) -> Unpacked:
    """At most ``longest_bytes`` of what ``body`` was before these codings were applied, the last one first."""
    codings = [word.strip().lower() for word in content_encoding.split(",")]
    codings = [coding for coding in codings if coding not in PLAIN]
    if len(codings) > _MOST_CODINGS:
        return Unpacked(b"", f"packed {len(codings)} times over")
    for coding in reversed(codings):
        unpacked = _without(body, coding, longest_bytes)
        if unpacked.wrong:
            return unpacked
        body = unpacked.body
    return Unpacked(body[:longest_bytes])


def _without(body: bytes, coding: str, longest_bytes: int) -> Unpacked:
    if not body:
        return Unpacked(b"")
    match coding:
        case "gzip" | "x-gzip":
            return _inflate(body, coding, _GZIP_OR_ZLIB, longest_bytes)
        case "deflate":  # zlib's frame by the standard, none by habit
            framed = _inflate(body, coding, zlib.MAX_WBITS, longest_bytes)
            return _inflate(body, coding, -zlib.MAX_WBITS, longest_bytes) if framed.wrong else framed
        case "br":
            return _by_library(body, coding, ("brotli", "brotlicffi"), longest_bytes)
        case "zstd":
            return _by_library(body, coding, ("compression.zstd", "backports.zstd"), longest_bytes)
        case _:
            return Unpacked(b"", f'packed as "{coding[:40]}", which was not asked for')


def _inflate(body: bytes, coding: str, window: int, longest_bytes: int) -> Unpacked:
    """Of gzip, all members; what stands behind the last one is padding."""
    out, rest = b"", body
    while rest and len(out) < longest_bytes:
        unpacking = zlib.decompressobj(window)
        try:
            out += unpacking.decompress(rest, longest_bytes - len(out))
        except zlib.error as error:
            return Unpacked(out) if out else Unpacked(b"", f"packed as {coding}, and damaged: {error}")
        if not unpacking.eof and len(out) < longest_bytes:
            return Unpacked(out, f"packed as {coding}, and cut short")
        rest = unpacking.unused_data.lstrip(b"\0") if window == _GZIP_OR_ZLIB else b""
    return Unpacked(out)


def _by_library(body: bytes, coding: str, names: tuple[str, ...], longest_bytes: int) -> Unpacked:
    """By a library that unpacks within a bound, where one is installed."""
    for name in names:
        try:
            library: Any = importlib.import_module(name)
        except ImportError:
            continue
        try:
            return Unpacked(_unpack_bounded(library, body, longest_bytes))
        except Exception as error:  # the libraries' errors have no common name
            return Unpacked(b"", f"packed as {coding}, and damaged: {error}")
    return Unpacked(b"", f'packed as "{coding}", which was not asked for')


def _unpack_bounded(library: Any, body: bytes, longest_bytes: int) -> bytes:
    if hasattr(library, "ZstdDecompressor"):
        return bytes(library.ZstdDecompressor().decompress(body, max_length=longest_bytes))
    unpacking = library.Decompressor()
    if hasattr(unpacking, "can_accept_more_data"):
        return bytes(unpacking.process(body, output_buffer_limit=longest_bytes))
    raise ValueError("the library that is installed cannot unpack within a bound")
