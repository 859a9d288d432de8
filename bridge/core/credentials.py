"""``user:password@`` in a URL: what is sent for it, and the URL without it."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit, urlunsplit


def split_credentials(url: str) -> tuple[str, str | None]:
    """The URL without who asks, and the ``Authorization`` header that says it (None when the URL names nobody).

    Names and passwords are UTF-8; a colon or an @ in them is written %3A or %40.
    """
    _, slashes, rest = url.partition("://")
    if not slashes or "@" not in rest.partition("/")[0]:
        return url, None
    parts = urlsplit(url)
    who, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = who.partition(":")
    plain = urlunsplit(parts._replace(netloc=host))
    if not who:
        return plain, None
    body = f"{unquote(name)}:{unquote(password)}".encode()
    return plain, "Basic " + base64.b64encode(body).decode("ascii")
