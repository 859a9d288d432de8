"""A rendered post as bytes: what the outbox keeps, so that a retry or a replay sends exactly what was decided."""

from __future__ import annotations

from typing import Final

import msgspec

from rules.model import Post

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Post)


def post_to_bytes(post: Post) -> bytes:
    """The post as JSON. Raises TypeError when its ``body`` holds something JSON cannot say."""
    return _ENCODER.encode(post)


def post_from_bytes(kept: bytes) -> Post:
    """The post that ``post_to_bytes`` wrote; fields added since take their defaults."""
    return _DECODER.decode(kept)
