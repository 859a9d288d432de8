"""What a button carries, signed: the chat server keeps it, sends it back with a click, and proves nothing else.

A token is ``BODY.SIGNATURE``, both base64url: the body is JSON, the signature HMAC-SHA256 over it with a key derived
from the daemon's sealing key. So it outlives restarts, is the same on every node, and needs no store to be checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final, Literal, TypeAlias

import msgspec

ActionName: TypeAlias = Literal["take", "silence1h", "silence4h", "silence1d", "why"]
"""What a button does; also its id in a post, where only letters and digits have a route (destinations.md 2.6)."""

Unusable: TypeAlias = Literal["forged", "expired"]
"""Why a token is not taken."""

_LABEL: Final = b"ams-bridge chat buttons, version 1"
_ENCODER: Final = msgspec.json.Encoder()


class Pressed(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One button of one post.

    ``post`` is a random name given when the post was drawn, shared by its buttons: the first click binds it to the
    post in which it stands. ``rule``, ``key`` and ``incident`` are the delivery's, so that a button works for as long
    as it lives, whatever has been swept.
    """

    action: ActionName
    delivery: str
    post: str
    rule: str
    key: str
    incident: str
    expires_us: int


_DECODER: Final = msgspec.json.Decoder(Pressed)


class Seal:
    """Signs what buttons carry, and reads it back. ``key`` is the daemon's sealing key; only a derived one is used."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _LABEL, "sha256")

    def token(self, pressed: Pressed) -> str:
        """The text that a button carries."""
        body = _ENCODER.encode(pressed)
        return f"{_text(body)}.{_text(self._signature(body))}"

    def open(self, token: str, now_us: int) -> Pressed | Unusable:
        """What ``token`` made, or why it is not to be taken. Takes the same time whatever a wrong signature is."""
        said, _, signature = token.partition(".")
        body, signed = _bytes(said), _bytes(signature)
        if body is None or signed is None or not hmac.compare_digest(self._signature(body), signed):
            return "forged"
        try:
            pressed = _DECODER.decode(body)
        except msgspec.DecodeError:  # signed by another version of us
            return "expired"
        return pressed if now_us < pressed.expires_us else "expired"

    def _signature(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()


def _text(said: bytes) -> str:
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
