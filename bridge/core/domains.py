"""Names of hosts as the network asks for them: ASCII, an internationalised one as IDNA 2008 writes it.

Python's own codec writes IDNA 2003, in which ``straße`` is ``strasse``: the domain of somebody else. So every name that
goes out is written here first, and what stays is ASCII, which all libraries leave alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import idna

_LONGEST_LABEL: Final = 63
_LONGEST_NAME: Final = 253


@lru_cache(maxsize=1024)
def ascii_domain(name: str) -> str:
    """The name in ASCII, an address and a name that is ASCII already as they are. Raises ValueError for no name."""
    if name.isascii():
        labels = name.removesuffix(".").split(".")
        fits = len(name) <= _LONGEST_NAME + 1 and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
        if ":" not in name and not fits:
            raise ValueError("a part of the name is empty or too long")
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except UnicodeError as error:  # idna.IDNAError is one
        raise ValueError("no name of a host has such letters") from error


def ascii_url(url: str) -> str:
    """The URL with its host in ASCII, all else as it is. Raises ValueError for a host that cannot be one."""
    if url.isascii():
        return url
    before, slashes, rest = url.partition("://")
    host = urlsplit(url).hostname or ""
    if not slashes or host.isascii():
        return url
    end = min((index for mark in "/?#" if (index := rest.find(mark)) >= 0), default=len(rest))
    who, at, place = rest[:end].rpartition("@")
    name, colon, port = place.partition(":")
    return f"{before}://{who}{at}{ascii_domain(name)}{colon}{port}{rest[end:]}"
