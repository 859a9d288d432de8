"""Keep secrets out of reasons, logs and previews.

A hook's URL is a secret, and so is every long part of its path: newer Mattermost servers repeat the hook id in
their error texts (destinations.md 2.3). So is each long word of a header, such as the token behind ``Bearer``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from bridge.core.secret import Secret

_SHORTEST_SECRET = 8  # shorter path parts ("hooks", "api") are words, not secrets


class Redactor:
    """Replaces what must not show by ``***``. Made once per destination from its secrets.

    A short secret is replaced where it stands alone, not inside of words: the text has to stay readable.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        pieces = {spelt for secret in secrets for piece in _pieces_of(secret.reveal()) for spelt in _spellings(piece)}
        patterns = [_pattern(piece) for piece in sorted(pieces, key=len, reverse=True) if piece]
        self._hidden = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """The text without any of the secrets or their telling parts."""
        return self._hidden.sub("***", text) if self._hidden is not None else text


def shown_url(url: str) -> str:
    """A URL with everything that may be secret left out: scheme and host only, and that there was more."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    rest = "/***" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{host}{port}{rest}"


def in_base64(text: str) -> str:
    """How a secret stands where it is sent: a server may repeat what it was given."""
    return base64.b64encode(text.encode()).decode()


def _pieces_of(secret: str) -> Iterable[str]:
    if not secret:
        return
    if "://" not in secret:
        yield secret
        yield from (word for word in secret.split() if _is_telling(word))
        return
    parts = urlsplit(secret)
    if parts.path.strip("/") or parts.query or parts.username:
        yield secret
    if parts.password:
        yield parts.password
    if parts.username and (not parts.password or _is_telling(parts.username)):
        yield parts.username  # a token may stand there alone
    if parts.username:
        yield in_base64(f"{unquote(parts.username)}:{unquote(parts.password or '')}")  # as the header says it
    if len(parts.query) >= _SHORTEST_SECRET:
        yield parts.query
        yield from (value for _, _, value in (p.partition("=") for p in parts.query.split("&")) if _is_telling(value))
    yield from (segment for segment in parts.path.split("/") if _is_telling(segment))


def _is_telling(piece: str) -> bool:
    return len(piece) >= _SHORTEST_SECRET


def _spellings(piece: str) -> tuple[str, str]:
    return piece, unquote(piece)


def _pattern(piece: str) -> str:
    return re.escape(piece) if _is_telling(piece) else rf"(?<!\w){re.escape(piece)}(?!\w)"
