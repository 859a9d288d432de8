"""What browsers of other origins may do (ams-api.md section 1.6): AMS's own web UI is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

METHODS: Final = ("OPTIONS", "POST", "GET", "PUT", "DELETE", "HEAD")
HEADERS: Final = ("X-Requested-With", "Content-Type", "x-api-key")
ANY_ORIGIN: Final = (b"access-control-allow-origin", b"*")

_SAFE: Final = frozenset({"accept", "accept-language", "content-language", "origin"})
_KNOWN: Final = _SAFE | {header.lower() for header in HEADERS}
_ONE_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Preflight:
    """The answer to a browser that asks before it asks; ``problem`` "" when it may."""

    status: int
    problem: str
    headers: tuple[tuple[bytes, bytes], ...]


def judge_preflight(headers: Iterable[tuple[bytes, bytes]]) -> Preflight:
    """Judge an OPTIONS request that carries an Origin."""
    asked = {name.lower(): value.decode("latin-1") for name, value in headers}
    method = asked.get(b"access-control-request-method", "")
    if not method:
        return Preflight(400, "Access-Control-Request-Method is missing", ())
    if method not in METHODS:
        return Preflight(405, f"Method {method} is not allowed", ())
    wanted = [name.strip() for name in asked.get(b"access-control-request-headers", "").split(",") if name.strip()]
    strange = [name for name in wanted if name.lower() not in _KNOWN]
    if strange:
        return Preflight(403, f"Header {strange[0]} is not allowed", ())
    return Preflight(
        200,
        "",
        (
            ANY_ORIGIN,
            (b"access-control-allow-methods", ", ".join(METHODS).encode()),
            (b"access-control-allow-headers", ", ".join(HEADERS).encode()),
            (b"access-control-max-age", str(_ONE_DAY_S).encode()),
        ),
    )
