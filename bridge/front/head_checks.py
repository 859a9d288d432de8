"""Heads that must not be answered, because two programs could read two different requests in them.

The parser refuses most of this itself; what depends on its version is asked once more here, before the app begins.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.front.http_refusals import URL_TOO_LONG, HttpRefusal
from bridge.front.limits import MOST_HEADERS, MOST_URL_BYTES

Headers = list[tuple[bytes, bytes]]

_VERSIONS: Final = ("1.1", "1.0")
_ONCE: Final = frozenset((b"content-length", b"transfer-encoding", b"host"))
_LINE_ENDS: Final = re.compile(rb"[\r\n\0]")
_HOP: Final = (b"upgrade", b"http2-settings")


def unreadable_request(text: str) -> HttpRefusal:
    """A 400 that says what cannot be read."""
    return HttpRefusal(400, "bad_request", text)


def check_head(version: str, url: bytes, headers: Headers) -> HttpRefusal | None:
    """Why a head is refused, or None. Names of headers are in lower case."""
    if version not in _VERSIONS:
        return HttpRefusal(505, "bad_request", "HTTP/1.1 is spoken here")
    if len(url) > MOST_URL_BYTES:
        return URL_TOO_LONG
    if len(headers) > MOST_HEADERS:
        return HttpRefusal(431, "head_too_large", f"the request has more than {MOST_HEADERS} headers")
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ONCE:
            if name in seen:
                return unreadable_request(f"the header {name.decode()} is there twice")
            seen[name] = value
            if _LINE_ENDS.search(value):
                return unreadable_request("a header holds a line end")
    return _check_length(version, seen)


def _check_length(version: str, seen: dict[bytes, bytes]) -> HttpRefusal | None:
    length, coding = seen.get(b"content-length"), seen.get(b"transfer-encoding")
    if coding is None:
        if length is not None and not length.strip(b" \t").isdigit():
            return unreadable_request("content-length is not a whole number")
        return None
    if length is not None:
        return unreadable_request("content-length and transfer-encoding exclude each other")
    if version == "1.0":
        return unreadable_request("HTTP/1.0 knows no transfer-encoding")
    if coding.strip(b" \t").lower() != b"chunked":
        return HttpRefusal(501, "bad_request", "chunked is the only transfer-encoding that is understood")
    return None


def head_without_upgrade(method: bytes, version: str, url: bytes, headers: Headers) -> bytes:
    """The head as it would be had its sender not offered another protocol: a server may ignore the offer.

    RFC 9110, section 7.8. What is left of ``Connection`` (``close``, say) stays.
    """
    lines = [method + b" " + url + b" HTTP/" + version.encode()]
    for name, value in headers:
        if name in _HOP:
            continue
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in _HOP)
            if not value:
                continue
        lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"
