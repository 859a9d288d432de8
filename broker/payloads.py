"""Base64 as AMS reads it: standard alphabet, padded, line breaks ignored; and where a text is not that."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

_LINE_BREAKS: Final = str.maketrans("", "", "\r\n")
_OUTSIDE_ALPHABET: Final = re.compile(r"[^A-Za-z0-9+/]")


class NotBase64(ValueError):
    """The text is not base64; ``position`` is the first byte that cannot be."""

    def __init__(self, position: int) -> None:
        super().__init__(f"illegal base64 data at input byte {position}")
        self.position = position


def from_base64(text: str) -> bytes:
    """The bytes behind a base64 text. Raises NotBase64."""
    joined = text.translate(_LINE_BREAKS)
    try:
        return base64.b64decode(joined.encode(), validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise NotBase64(_first_wrong_byte(joined)) from wrong


def _first_wrong_byte(text: str) -> int:
    outside = _OUTSIDE_ALPHABET.search(text)
    at = len(text) if outside is None else outside.start()
    padding = text[at:]
    if padding and not padding.strip("=") and len(padding) <= 2 and len(text) % 4 == 0:
        return len(text) - 1  # the alphabet is right, the length is right: the last bits are not
    return len(text[:at].encode())
