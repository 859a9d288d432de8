"""What comes packed is unpacked within a bound, and what cannot be says why."""

from __future__ import annotations

import gzip
import zlib

import pytest

from bridge.core.content_coding import unpack

TEXT = b'{"ok": true} ' * 50


def gzipped(data: bytes) -> bytes:
    """Gzip without the hour in it: the tests' names would change with it."""
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's frame, as many servers send it."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzipped(TEXT)),
        ("GZIP", gzipped(TEXT)),
        ("x-gzip", gzipped(TEXT)),
        ("gzip", gzipped(TEXT[:100]) + gzipped(TEXT[100:])),
        ("gzip", gzipped(TEXT) + b"\0" * 8),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("deflate, gzip", gzipped(zlib.compress(TEXT))),
        ("identity, gzip", gzipped(TEXT)),
        ("gzip", b""),
    ],
)
def test_packed_bodies_are_read(coding: str, body: bytes) -> None:
    unpacked = unpack(body, coding, 100_000)
    assert (unpacked.body, unpacked.wrong) == (TEXT if body else b"", "")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"this is not packed"),
        ("gzip", gzipped(TEXT)[:-20]),
        ("deflate", b"\xff\xff\xff\xff"),
        ("compress", b"\x1f\x9d\x90"),
        ("rot13", b"bx"),
        ("gzip, gzip, gzip, gzip", b"x"),
        ("br", b"\xff\xff\xff"),
        ("zstd", b"\xff\xff\xff"),
    ],
)
def test_what_cannot_be_unpacked_says_why(coding: str, body: bytes) -> None:
    assert unpack(body, coding, 100_000).wrong


def test_a_bomb_is_unpacked_no_further_than_the_bound() -> None:
    bomb = gzipped(b"\0" * 50_000_000)
    assert len(unpack(bomb, "gzip", 64 * 1024).body) == 64 * 1024
    assert len(unpack(gzipped(bomb), "gzip, gzip", 64 * 1024).body) == 64 * 1024
