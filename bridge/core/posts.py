"""A rendered post as bytes: what the outbox keeps, so that a retry or a replay sends exactly what was decided."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from rules.model import Post
from rules.rendering.markdown_escape import make_storable

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Post)


def post_to_bytes(post: Post) -> bytes:
    """The post as JSON; halves of surrogate pairs, which no encoding can carry, become U+FFFD.

    Raises TypeError when its ``body`` or an override holds something JSON cannot say.
    """
    try:
        return _ENCODER.encode(post)
    except UnicodeEncodeError:
        return _ENCODER.encode(_whole(msgspec.to_builtins(post)))


def _whole(value: Any) -> Any:
    match value:
        case str():
            return make_storable(value)
        case dict():
            return {_whole(key): _whole(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_whole(inner) for inner in value]
        case _:
            return value


def post_from_bytes(kept: bytes) -> Post:
    """The post that ``post_to_bytes`` wrote; fields added since take their defaults."""
    return _DECODER.decode(kept)
