"""Unpacks the body of a request, within a bound: one function for everything that takes bodies from others."""

from __future__ import annotations

from typing import Final

from bridge.core.content_coding import PLAIN, unpack

ENCODINGS: Final = ("gzip", "deflate", "identity")
"""What a body may come packed as: the words of ``Accept-Encoding`` in a refusal."""
_CODINGS: Final = PLAIN | {"gzip", "x-gzip", "deflate"}


class UnknownCoding(ValueError):
    """The body is packed in a way that nobody here can read; the text names it."""


class DamagedBody(ValueError):
    """The body is not packed as it says; the text says how it is."""


class BodyTooLarge(ValueError):
    """The body is larger than it may be, once unpacked."""


def decompress(body: bytes, content_encoding: str, longest_bytes: int) -> bytes:
    """The body as it was before these codings were applied.

    Raises UnknownCoding, DamagedBody, and BodyTooLarge when it would be over ``longest_bytes``.
    """
    unknown = [word.strip() for word in content_encoding.split(",") if word.strip().lower() not in _CODINGS]
    if unknown:
        raise UnknownCoding(f"Content-Encoding {unknown[0][:40]!r} cannot be read; send it as {', '.join(ENCODINGS)}")
    read = unpack(body, content_encoding, longest_bytes + 1)
    if read.wrong:
        raise DamagedBody(f"the body is {read.wrong} (Content-Encoding: {content_encoding[:40]})")
    if len(read.body) > longest_bytes:
        raise BodyTooLarge
    return read.body
