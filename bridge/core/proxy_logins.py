"""Whom a proxy in front of the daemon says is there: a header, believed only over connections from listed addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from bridge.core.guesses import PEER
from bridge.core.networks import IpNetwork


@dataclass(frozen=True, slots=True)
class ProxyLogins:
    """The header that names who is there, and the networks of the proxies that may say so."""

    header: str
    networks: Sequence[IpNetwork]

    def name_of(self, scope: Mapping[str, Any]) -> str:
        """Who is there, "" when nobody who may says so.

        Asked is the peer of the connection, never whom another header speaks for; and a header that stands twice
        is none, for one of them may be a stranger's.
        """
        peer = (scope.get(PEER) or ("", 0))[0]
        wanted = self.header.lower().encode("latin-1")
        values = [value for name, value in scope["headers"] if name == wanted]
        if len(values) != 1 or not self._is_trusted(peer):
            return ""
        return str(values[0].decode("latin-1")).strip()

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)
