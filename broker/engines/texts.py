"""How engines write what is neither a number nor a plain text, and how they measure it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from broker.model import NewMessage

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(dict[str, str])


def pairs_to_bytes(pairs: Mapping[str, str]) -> bytes:
    """Attributes or places as JSON; no bytes at all for none."""
    return _ENCODER.encode(pairs) if pairs else b""


def pairs_from_bytes(body: bytes) -> dict[str, str]:
    """What ``pairs_to_bytes`` wrote."""
    return _DECODER.decode(body) if body else {}


def text_bytes(text: str) -> int:
    """How many bytes a text takes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def stored_bytes(message: NewMessage) -> int:
    """What a message takes in its log: its text and its attributes."""
    return text_bytes(message.data) + len(pairs_to_bytes(message.attributes))


def after_prefix(prefix: str) -> str:
    """A text above every text that begins with ``prefix``, and below all others that are above those."""
    if not prefix or ord(prefix[-1]) == 0x10FFFF:
        return after_prefix(prefix[:-1]) if prefix else "\U0010ffff"
    following = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else following)
