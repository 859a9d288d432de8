"""Keep secrets out of reasons, logs and previews.

A hook's URL is a secret, and so is every long part of its path: newer Mattermost servers repeat the hook id in
their error texts (destinations.md 2.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from bridge.secret import Secret

_SHORTEST_SECRET = 8  # shorter path parts ("hooks", "api") are words, not secrets


class Redactor:
    """Replaces what must not show by ``***``. Made once per destination from its secrets."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        pieces: set[str] = set()
        for secret in secrets:
            pieces.update(_pieces_of(secret.reveal()))
        self._pieces = sorted(pieces, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without any of the secrets or their telling parts."""
        for piece in self._pieces:
            text = text.replace(piece, "***")
        return text


def shown_url(url: str) -> str:
    """A URL with everything that may be secret left out: scheme and host only, and that there was more."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    rest = "/***" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{host}{port}{rest}"


def _pieces_of(secret: str) -> Iterable[str]:
    if not secret:
        return
    if "://" not in secret:
        yield secret
        return
    parts = urlsplit(secret)
    if parts.path.strip("/") or parts.query or parts.password:
        yield secret
    if parts.password:
        yield parts.password
    if len(parts.query) >= _SHORTEST_SECRET:
        yield parts.query
        yield from (value for _, _, value in (p.partition("=") for p in parts.query.split("&")) if _is_telling(value))
    yield from (segment for segment in parts.path.split("/") if _is_telling(segment))


def _is_telling(piece: str) -> bool:
    return len(piece) >= _SHORTEST_SECRET
