"""Whether a caller of a webhook is who it should be. Pure; every comparison takes the same time.

What the settings name is demanded, all of it: token, HTTP Basic, signature. A receiver without any lets everybody in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from bridge.secret import Secret
from bridge.sources.config import HookConfig

_SIGNATURES = ("x-hub-signature-256", "x-signature-256", "x-signature")


def may_post(config: HookConfig, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> bool:
    """Whether the request satisfies everything the settings ask for. ``headers`` have lower-case names."""
    if config.token is not None and not _same(config.token, _token(headers, query)):
        return False
    if config.auth is not None and not _same(config.auth.basic, _basic(headers)):
        return False
    return config.secret is None or _is_signed(config.secret, headers, body)


def _token(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    if "x-api-key" in headers:
        return headers["x-api-key"]
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    return query.get("token") or query.get("key") or ""


def _basic(headers: Mapping[str, str]) -> str:
    scheme, _, said = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(said.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_signed(secret: Secret, headers: Mapping[str, str], body: bytes) -> bool:
    said = next((headers[name] for name in _SIGNATURES if name in headers), "").removeprefix("sha256=")
    expected = hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), said.lower().encode())


def _same(expected: Secret, said: str) -> bool:
    return hmac.compare_digest(expected.reveal().encode(), said.encode())
