"""What one client may ask of the server before it has said who it is: sizes, waits, and a share of descriptors."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import Final

MOST_HEAD_BYTES: Final = 64 * 1024
"""A request line and its headers; more is answered 431."""
MOST_URL_BYTES: Final = 16 * 1024
"""A request's path and query; more is answered 414."""
MOST_HEADERS: Final = 200
"""Header lines of one request; more is answered 431."""
MOST_FRAMING_BYTES: Final = 64 * 1024
"""What a chunked body may hold beside its data: extensions and trailers; more is answered 431."""
FREE_FRAMING_BYTES: Final = 32
"""Framing of a chunk that is not counted: its size, its line ends, a short extension."""
LEAST_BODY_BYTES: Final = 4 * 1024
"""What must arrive of a body within its deadline for the deadline to begin anew."""
MOST_UNREAD_BYTES: Final = 256 * 1024
"""What is still read, and thrown away, of a request that was answered early, so that the answer arrives."""
HEAD_BUFFER_BYTES: Final = 64 * 1024
"""What the system may hold for us of a connection whose request is not known yet; its own bound is megabytes."""
BODY_BUFFER_BYTES: Final = 1024 * 1024
"""The same once a body is under way, for the sake of senders far away; systems allow less, often 208 KiB."""

_MOST_CONNECTIONS: Final = 10_000
_LEAST_CONNECTIONS: Final = 16
_LEAST_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long the server waits for a client, and how many connections it holds at once."""

    handshake_s: float = 10.0
    head_s: float = 15.0
    body_s: float = 30.0
    idle_s: float = 75.0
    closing_s: float = 5.0
    connections: int = 768


def limit_connections(wanted: int | None) -> int:
    """How many connections may be open at once: as many as wanted, but a share of the descriptors stays free.

    Without a wish it is three quarters of the descriptors this process may open, 10,000 at most. What stays free is for
    what goes out, for the store and for files; so a wish for more than the descriptors allow is cut as well.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted or _MOST_CONNECTIONS
    if wanted is not None:
        return max(min(wanted, soft - _LEAST_KEPT), 1)
    return min(max(soft - max(soft // 4, _LEAST_KEPT), _LEAST_CONNECTIONS), _MOST_CONNECTIONS)
