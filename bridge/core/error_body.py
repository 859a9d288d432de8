"""The one shape of an error that every HTTP surface of the daemon answers with: AMS's own (ams-api.md section 1.4)."""

from __future__ import annotations

import msgspec


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong. ``code`` is the HTTP status, ``status`` its word."""

    code: int
    message: str
    status: str


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is not 200."""

    error: ErrorDetail


def error_body(code: int, message: str, status: str) -> bytes:
    """The JSON of an error."""
    return msgspec.json.encode(ErrorBody(ErrorDetail(code, message, status)))
