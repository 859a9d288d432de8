"""What buttons and posts carry, signed: the chat server keeps it, gives it back, and proves nothing else.

A token is ``BODY.SIGNATURE``, both base64url: the body is JSON, the signature HMAC-SHA256 over it with a key derived
from the daemon's sealing key. So it outlives restarts, is the same on every node, and needs no store to be checked.
Buttons and posts are signed with different keys: what everybody can read in a post presses no button.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final, Literal, Self, TypeAlias, TypeVar

import msgspec

ActionName: TypeAlias = Literal["take", "silence1h", "silence4h", "silence1d", "why"]
"""What a button does; also its id in a post, where only letters and digits have a route (destinations.md 2.6)."""

ContextFault: TypeAlias = Literal["forged", "expired"]
"""Why a token is not taken."""

_BUTTONS: Final = b"ams-bridge chat buttons, version 1"
_CARDS: Final = b"ams-bridge chat posts, version 1"
_ENCODER: Final = msgspec.json.Encoder()


class PostContext(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What a post of ours is about, whatever it says now.

    ``delivery`` drew it; ``post`` is a random name given when the post was drawn first, under which the store keeps
    what people did about it. ``rule``, ``key`` and ``incident`` are the delivery's, so that a card is good for as long
    as it lives, whatever has been swept. One that ``is_short`` leaves out key and incident, for they are long: it is
    good as long as its delivery is kept.
    """

    delivery: str
    post: str
    rule: str
    key: str
    incident: str
    expires_us: int
    is_short: bool = False


class Pressed(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One button of one post: its action, and the post's card. ``post`` is shared by all buttons of the post."""

    action: ActionName
    delivery: str
    post: str
    rule: str
    key: str
    incident: str
    expires_us: int
    is_short: bool = False

    @classmethod
    def on(cls, card: PostContext, action: ActionName) -> Self:
        """The button that does ``action`` below the post of a card."""
        return cls(
            action=action,
            delivery=card.delivery,
            post=card.post,
            rule=card.rule,
            key=card.key,
            incident=card.incident,
            expires_us=card.expires_us,
            is_short=card.is_short,
        )

    @property
    def card(self) -> PostContext:
        """The card of the post in which the button stands."""
        return PostContext(
            delivery=self.delivery,
            post=self.post,
            rule=self.rule,
            key=self.key,
            incident=self.incident,
            expires_us=self.expires_us,
            is_short=self.is_short,
        )


_PRESSED: Final = msgspec.json.Decoder(Pressed)
_CARD: Final = msgspec.json.Decoder(PostContext)
_Signed = TypeVar("_Signed", PostContext, Pressed)


class SignedContext:
    """Signs what buttons and posts carry, and reads it back.

    ``key`` is the daemon's sealing key; only derived ones are used.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _BUTTONS, "sha256")
        self._card_key = hmac.digest(key, _CARDS, "sha256")

    def token(self, pressed: Pressed) -> str:
        """The text that a button carries."""
        return _signed(self._key, pressed)

    def open(self, token: str, now_us: int) -> Pressed | ContextFault:
        """What ``token`` made, or why it is not to be taken. Takes the same time whatever a wrong signature is."""
        return _opened(self._key, token, _PRESSED, now_us)

    def mark(self, card: PostContext) -> str:
        """The text that a post carries, for everybody to read."""
        return _signed(self._card_key, card)

    def card(self, mark: str, now_us: int) -> PostContext | ContextFault:
        """What ``mark`` made, or why it is not to be taken."""
        return _opened(self._card_key, mark, _CARD, now_us)


def _signed(key: bytes, signed: PostContext | Pressed) -> str:
    body = _ENCODER.encode(signed)
    return f"{_text(body)}.{_text(hmac.digest(key, body, 'sha256'))}"


def _opened(key: bytes, token: str, decoder: msgspec.json.Decoder[_Signed], now_us: int) -> _Signed | ContextFault:
    said, _, signature = token.partition(".")
    body, signed = _bytes(said), _bytes(signature)
    if body is None or signed is None or not hmac.compare_digest(hmac.digest(key, body, "sha256"), signed):
        return "forged"
    try:
        read = decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):  # signed by another version of us
        return "expired"
    return read if now_us < read.expires_us else "expired"


def _text(said: bytes) -> str:
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
