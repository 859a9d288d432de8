"""Standard Webhooks 1.0.0 signatures: one for each secret, so that an old one may go after the new one is known.

``whsec_`` and base64 is a secret that both sides know (HMAC-SHA256, ``v1,...``). ``whsk_`` and base64 is a private
key (ed25519, ``v1a,...``), whose public half the receiver knows as ``whpk_...``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from bridge.core.secret import Secret

Signer: TypeAlias = Callable[[str, int, bytes], str]
"""The signature of a message, given its id, the time in whole seconds since the epoch, and its raw body."""

_SHARED: Final = "whsec_"
_PRIVATE: Final = "whsk_"
_PUBLIC: Final = "whpk_"
_SHORTEST_BYTES, _LONGEST_BYTES = 24, 64
_SEED_BYTES: Final = 32
_KEY_BYTES: Final = (_SEED_BYTES, 64)  # the seed alone, or followed by the public key


def signer_of(secret: Secret) -> Signer:
    """How a secret signs. Raises ValueError, which does not repeat it, when it cannot."""
    text = secret.reveal()
    if text.startswith(_PUBLIC):
        raise ValueError("whpk_ is the public key, which cannot sign: its private one begins with whsk_")
    return _asymmetric(text.removeprefix(_PRIVATE)) if text.startswith(_PRIVATE) else _symmetric(text)


def signatures(signers: list[Signer], message_id: str, at_s: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    return " ".join(signer(message_id, at_s, body) for signer in signers)


def _symmetric(text: str) -> Signer:
    from standardwebhooks.webhooks import Webhook

    key = _decode_base64(
        text.removeprefix(_SHARED), "a signing secret is whsec_ and base64 text, or whsk_ and base64 text"
    )
    if not _SHORTEST_BYTES <= len(key) <= _LONGEST_BYTES:
        raise ValueError(f"a signing secret has {_SHORTEST_BYTES} to {_LONGEST_BYTES} bytes; this one has {len(key)}")
    signing = Webhook(text)
    return lambda message_id, at_s, body: str(
        signing.sign(msg_id=message_id, timestamp=datetime.fromtimestamp(at_s, UTC), data=body.decode())
    )


def _asymmetric(text: str) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _decode_base64(text, "a private key is whsk_ and base64 text")
    if len(key) not in _KEY_BYTES:
        raise ValueError(f"a private ed25519 key has 32 or 64 bytes; this one has {len(key)}")
    private = Ed25519PrivateKey.from_private_bytes(key[:_SEED_BYTES])

    def sign(message_id: str, at_s: int, body: bytes) -> str:
        signature = private.sign(f"{message_id}.{at_s}.".encode() + body)
        return f"v1a,{base64.b64encode(signature).decode()}"

    return sign


def _decode_base64(text: str, otherwise: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(otherwise) from None
