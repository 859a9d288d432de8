"""Tokens: made from randomness, found by digest, kept sealed.

A database holds SHA-256 digests (to find the user) and AES-GCM sealed texts (because AMS shows tokens again,
ams-api.md 9.1). The sealing key lives outside the database, so a stolen one holds no usable token.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives that many random bytes: ``os.urandom`` in the daemon, something repeatable in tests."""

SEALING_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


def digest_of_token(token: bytes) -> str:
    """What a token is found by: SHA-256, hex."""
    return hashlib.sha256(token).hexdigest()


def match_digests(text: str, other: str) -> bool:
    """Whether two digests are equal, taking the same time whatever they hold."""
    return hmac.compare_digest(text.encode(), other.encode())


def random_hex(entropy: Entropy) -> str:
    """64 lower-case hex characters: a token, a verification hash, an authorization value, an activation token."""
    return hashlib.sha256(entropy(32)).hexdigest()


def random_uid(entropy: Entropy) -> str:
    """A UUIDv4 text."""
    return str(uuid.UUID(bytes=entropy(16), version=4))


class Sealer:
    """Seals token texts with AES-GCM; each text is bound to its owner, so that swapped rows do not open.

    ``key`` has 32 bytes. Raises ValueError for another length.
    """

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        if len(key) != SEALING_KEY_BYTES:
            raise ValueError(f"the sealing key has {len(key)} bytes; it must have {SEALING_KEY_BYTES}")
        self._key = key
        self._entropy = entropy

    @cached_property
    def _cipher(self) -> AESGCM:
        """What seals. A daemon seals when a token is made and opens when one is shown: most never import this."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)

    def seal(self, token: str, owner_uid: str) -> bytes:
        """The token as the store keeps it."""
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, token.encode(), owner_uid.encode())

    def open(self, sealed: bytes, owner_uid: str) -> str | None:
        """The token again, or None when it was sealed with another key or for someone else.

        Such a token still logs in (by its digest) but cannot be shown; refreshing it makes a new one.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner_uid.encode()).decode()
        except (InvalidTag, ValueError):
            return None
