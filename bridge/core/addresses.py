"""Which addresses a URL given through the API may lead to: a push endpoint must not reach our own insides.

Judged on the address that a socket is about to be made for, so neither a name that changes its meaning between check
and use nor an odd way of writing a number (``2130706433``, ``127.1``) gets past.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bridge.core.networks import is_public
from bridge.core.trust import ClientPair, trust_as

if TYPE_CHECKING:
    import aiohttp

USER_AGENT: Final = f"ams-bridge/{version('ams-bridge')}"
"""How the daemon calls itself where it asks others over HTTP."""


class ForbiddenAddress(OSError):
    """The URL leads to an address that may not be reached from here."""


def push_session(
    *, allow_private: bool, ca_file: Path | None = None, client_pair: ClientPair | None = None
) -> aiohttp.ClientSession:
    """A client session for push endpoints: it says who asks, and follows the address rules unless told otherwise.

    Those rules let it make connections to public addresses only; others are ForbiddenAddress. It trusts what stands in
    ``ca_file``, or what the system trusts, and shows ``client_pair`` who asks for it. Raises UnusableTls.
    """
    from bridge.core.http_session import LenientConnector, make_session

    tls = trust_as(ca_file, client_pair) or True
    guarding: dict[str, Any] = {} if allow_private else {"socket_factory": _public_socket}
    return make_session(LenientConnector(ssl=tls, **guarding), headers={"User-Agent": USER_AGENT})


def may_reach(*, allow_private: bool) -> Callable[[str], bool]:
    """Which resolved addresses may be connected to."""
    return (lambda address: True) if allow_private else is_public


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
