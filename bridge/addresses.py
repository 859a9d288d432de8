"""Which addresses a URL given through the API may lead to: a push endpoint must not reach our own insides.

Judged on the address that a socket is about to be made for, so neither a name that changes its meaning between check
and use nor an odd way of writing a number (``2130706433``, ``127.1``) gets past.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from importlib.metadata import version
from typing import Any, Final

import aiohttp

from bridge.core.http_session import LenientConnector, make_session

USER_AGENT: Final = f"ams-bridge/{version('ams-bridge')}"
"""How the daemon calls itself where it asks others over HTTP."""


class ForbiddenAddress(OSError):
    """The URL leads to an address that may not be reached from here."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open network: not loopback, link-local, private, metadata or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def guarded_session(**session: Any) -> aiohttp.ClientSession:
    """A client session that makes connections to public addresses only; others are ForbiddenAddress."""
    return make_session(LenientConnector(socket_factory=_public_socket), **session)


def push_session(*, allow_private: bool) -> aiohttp.ClientSession:
    """A client session for push endpoints: it says who asks, and follows the address rules unless told otherwise."""
    headers = {"User-Agent": USER_AGENT}
    return make_session(LenientConnector(), headers=headers) if allow_private else guarded_session(headers=headers)


def _public_socket(info: Any) -> socket.socket:
    """A socket for one resolved address. Raises ForbiddenAddress."""
    family, kind, protocol, _, (host, *_) = info
    try:
        public = is_public(host)
    except ValueError:
        public = False  # a number written in a way that only the system understands
    if not public:
        raise ForbiddenAddress(errno.EACCES, f"{host} is a private address; push.allow_private lets it through")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
