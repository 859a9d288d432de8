"""Whether a caller of a webhook is who it should be. Pure; every comparison takes the same time.

What the settings name is demanded, all of it: token, HTTP Basic, signature. A receiver without any lets everybody in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from bridge.core.secret import Secret
from bridge.sources import standard_webhooks
from bridge.sources.source_config import HookConfig

_SIGNATURES = ("x-hub-signature-256", "x-signature-256", "x-signature")


def may_enter(config: HookConfig, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether token and password are right: all that can be said before the body is read.

    ``headers`` have lower-case names. A secret that is empty lets nobody in.
    """
    if config.token is not None and not _is_same(config.token, _token(headers, query)):
        return False
    return config.auth is None or _is_same(config.auth.basic, _basic(headers))


def credential_of(config: HookConfig, headers: Mapping[str, str], query: Mapping[str, str]) -> bytes:
    """What a caller shows of what can be guessed, token and password; empty when it shows nothing, or nothing is asked.

    A signature is of one body alone, so it is no guess at the next.
    """
    token = _token(headers, query) if config.token is not None else b""
    password = _basic(headers) if config.auth is not None else b""
    return b"\0".join((token, password)) if token or password else b""


def may_post(
    config: HookConfig, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now_s: float = 0.0
) -> bool:
    """Whether the request satisfies everything the settings ask for, the signature of its body included.

    ``now_s`` is the time since the epoch, for signatures that say when they were made. Any one of several keys will do.
    """
    if not may_enter(config, headers, query):
        return False
    if not config.secrets:
        return config.secret is None
    return sum(_is_signed(secret, headers, body, now_s) for secret in config.secrets) > 0  # all, in the same time


def _token(headers: Mapping[str, str], query: Mapping[str, str]) -> bytes:
    for header in ("x-api-key", "x-gitlab-token"):
        if header in headers:
            return _raw(headers[header])
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _raw(bearer.strip())
    return (query.get("token") or query.get("key") or "").encode(errors="replace")


def _basic(headers: Mapping[str, str]) -> bytes:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_signed(secret: Secret, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    if not secret:
        return False
    if standard_webhooks.is_key(secret):
        return standard_webhooks.is_signed(secret, headers, body, now_s)
    text = next((headers[name] for name in _SIGNATURES if name in headers), "").removeprefix("sha256=")
    expected = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), _raw(text.lower()))


def _is_same(expected: Secret, body: bytes) -> bool:
    return bool(expected) and hmac.compare_digest(expected.reveal().encode(), body)


def _raw(header: str) -> bytes:
    """The bytes of a header as they came: HTTP carries them, and Latin-1 is only how they are shown as text."""
    return header.encode("latin-1", "replace")
