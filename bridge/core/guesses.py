"""Slows down whoever guesses tokens: from an address with too many wrong ones the next is looked at later and later.

Ten wrong tokens are free; each further one doubles the wait, up to a minute; after a quarter of an hour without any the
address is as new. Who has to wait is told so before the token is compared. The address is the client's own where a
trusted proxy says it (``FORWARDED_ALLOW_IPS``). One that is not trusted stands for all who come through it, so a token
that was right over connections from there goes on being taken: nobody else's guesses lock its holder out.

Time is monotonic, and memory bounded: the addresses and tokens seen least lately are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Any, Final

from bridge.core.pauses import TOKEN_GUESSES, pause_s
from broker.clock import Clock

_FREE: Final = 10
_FORGOTTEN_AFTER_S: Final = 900.0
_MOST: Final = 10_000
_HOST_BITS: Final = 64
PEER: Final = "ams_bridge.peer"
"""Where an ASGI scope keeps the peer of the connection, before a proxy's word for the client takes its place."""


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a request comes from: the client's ``address``, and the ``peer`` of the connection, perhaps a proxy."""

    address: str
    peer: str


def whence_of(scope: Mapping[str, Any]) -> Whence:
    """Where a request comes from, as its ASGI scope has it; "" for what has no address, such as a local socket."""
    address = (scope.get("client") or ("", 0))[0]
    return Whence(address, (scope.get(PEER) or ("", 0))[0] or address)


@dataclass(slots=True)
class _WrongTokens:
    """Those of one address: how many, when the last came, and when the next is looked at."""

    count: int = 0
    last_at: float = 0.0
    opens_at: float = 0.0


class GuessLimit:
    """Counts wrong tokens by address, and says who has to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, _WrongTokens] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, whence: Whence, digest: str) -> int:
        """Whole seconds until the token with this digest is looked at; 0: now."""
        wrong = self._wrong.get(_place(whence.address)) if self._wrong else None
        if wrong is None or (whence.peer, digest) in self._right:
            return 0
        return max(0, ceil(wrong.opens_at - self._clock.monotonic()))

    def accept(self, whence: Whence, digest: str) -> None:
        """Note that the token was right."""
        place = whence.peer, digest
        self._right[place] = None
        self._right.move_to_end(place)
        if len(self._right) > _MOST:
            self._right.popitem(last=False)

    def refuse(self, whence: Whence, digest: str) -> int:
        """Note that the token was wrong; gives the seconds until the address may try another."""
        self._right.pop((whence.peer, digest), None)
        place, now = _place(whence.address), self._clock.monotonic()
        wrong = self._wrong.pop(place, None)
        if wrong is None or now - wrong.last_at > _FORGOTTEN_AFTER_S:
            wrong = _WrongTokens()
        self._wrong[place] = wrong
        if len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)
        wrong.count, wrong.last_at = wrong.count + 1, now
        wait_s = ceil(pause_s(TOKEN_GUESSES, wrong.count - _FREE + 1)) if wrong.count >= _FREE else 0
        wrong.opens_at = now + wait_s
        return wait_s


def _place(address: str) -> str:
    """What is counted together: an IPv4 address, or the network of an IPv6 address, for whoever has one has all."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or IPv6Address(int(ip) >> _HOST_BITS << _HOST_BITS)
    return str(ip)
