"""What buttons and posts carry, signed: the chat server keeps it, gives it back, and proves nothing else.

A token is ``BODY.SIGNATURE``, both base64url: the body is JSON, itsdangerous signs it (HMAC-SHA256) with a key derived
from the daemon's sealing key. So it outlives restarts, is the same on every node, and needs no store to be checked.
Buttons and posts are signed with different keys: what everybody can read in a post presses no button.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, Self, TypeAlias, TypeVar

import msgspec
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

ActionName: TypeAlias = Literal["take", "silence1h", "silence4h", "silence1d", "why", "useful", "noise"]
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
        self._buttons = _signer(key, _BUTTONS)
        self._posts = _signer(key, _CARDS)

    def sign(self, pressed: Pressed) -> str:
        """The text that a button carries."""
        return _sign(self._buttons, pressed)

    def open(self, token: str, now_us: int) -> Pressed | ContextFault:
        """What ``sign`` made, or why it is not to be taken. Takes the same time whatever a wrong signature is."""
        return _open(self._buttons, token, _PRESSED, now_us)

    def mark(self, card: PostContext) -> str:
        """The text that a post carries, for everybody to read."""
        return _sign(self._posts, card)

    def verify(self, mark: str, now_us: int) -> PostContext | ContextFault:
        """What ``mark`` made, or why it is not to be taken."""
        return _open(self._posts, mark, _CARD, now_us)


def _signer(key: bytes, salt: bytes) -> Signer:
    return Signer(key, salt, key_derivation="hmac", digest_method=hashlib.sha256)


def _sign(signer: Signer, signed: PostContext | Pressed) -> str:
    body = _ENCODER.encode(signed)
    return b".".join([base64_encode(body), signer.get_signature(body)]).decode()


def _open(signer: Signer, token: str, decoder: msgspec.json.Decoder[_Signed], now_us: int) -> _Signed | ContextFault:
    text, _, signature = token.partition(".")
    try:
        body = base64_decode(text)
    except BadData:
        return "forged"
    if not signer.verify_signature(body, signature):
        return "forged"
    try:
        read = decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):  # signed by another version of us
        return "expired"
    return read if now_us < read.expires_us else "expired"
