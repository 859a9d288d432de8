"""Standard Webhooks 1.0.0, the receiving side: whether one of our keys signed a call, and lately.

``whsec_`` and base64 is a secret that both sides know (``v1,...``); ``whpk_`` and base64 is the public half of an
ed25519 key (``v1a,...``). A call carries one signature for each key of its sender, so keys are changed without a gap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from bridge.core.secret import Secret

TOLERANCE_S: Final = 300
ID: Final = "webhook-id"
_SHARED: Final = "whsec_"
_PUBLIC: Final = "whpk_"
_PRIVATE: Final = "whsk_"
_KEY_BYTES: Final = 32


def is_key(secret: Secret) -> bool:
    """Whether this is a key of Standard Webhooks."""
    return secret.reveal().startswith((_SHARED, _PUBLIC, _PRIVATE))


def check_key(secret: Secret) -> None:
    """Raises ValueError, which does not repeat the key, when it says that it is one and cannot be used."""
    if not is_key(secret):
        return
    text = secret.reveal()
    if text.startswith(_PRIVATE):
        raise ValueError("whsk_ is the sender's private key; a receiver knows the public one, which begins with whpk_")
    key = _key(text)
    if not key or (text.startswith(_PUBLIC) and len(key) != _KEY_BYTES):
        raise ValueError("a key of Standard Webhooks is whsec_ or whpk_ and base64 text")


def is_signed(secret: Secret, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether the call was signed with the key, at most five minutes from now."""
    message_id, at = headers.get(ID, ""), headers.get("webhook-timestamp", "")
    if not message_id or not (at.isascii() and at.isdecimal() and len(at) <= 12) or abs(now_s - int(at)) > TOLERANCE_S:
        return False
    content = f"{message_id}.{at}.".encode("latin-1", "replace") + body
    text = secret.reveal()
    version = "v1a" if text.startswith(_PUBLIC) else "v1"
    given = [
        signature.partition(",")[2]
        for signature in headers.get("webhook-signature", "").split()
        if signature.startswith(f"{version},")
    ]
    verify = _is_signed_by if version == "v1a" else _is_mac
    return sum(verify(_key(text), content, signature) for signature in given) > 0


def _is_mac(key: bytes, content: bytes, given: str) -> bool:
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    return bool(key) and hmac.compare_digest(expected, given.encode("latin-1", "replace"))


def _is_signed_by(key: bytes, content: bytes, given: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(given, validate=True), content)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(_SHARED).removeprefix(_PUBLIC), validate=True)
    except (binascii.Error, ValueError):
        return b""
