"""What an IP address is: where it really leads, whether it is of the open network, and in which networks it lies.

One place judges addresses, for the guard of pushes and for ``NO_PROXY``. An IPv6 address may carry an IPv4 address
inside (mapped, compatible, translated, 6to4, Teredo, NAT64): what is inside counts as well as the outside.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import Final, TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_NUMBERS: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}", re.IGNORECASE)
_IN_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]((?:/\d+)?)")
_BEGINNING: Final = re.compile(r"((?:\d{1,3}\.){1,3})\*?")
_LOW_32: Final = 0xFFFFFFFF
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_TRANSLATED: Final = ipaddress.IPv6Network("::ffff:0:0:0/96")
_NEVER_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


def read_address(text: str) -> IpAddress | None:
    """The address a host is written as, also in brackets, with a zone, decimal, octal or hexadecimal; else None."""
    host = text.strip().removeprefix("[").removesuffix("]").partition("%")[0].rstrip(".")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    if ":" in host or not _NUMBERS.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def insides_of(address: IpAddress) -> Iterator[IpAddress]:
    """The address, and every IPv4 address that it may carry inside."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    low = ipaddress.IPv4Address(int(address) & _LOW_32)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64 or address in _NAT64_LOCAL or address in _COMPATIBLE or address in _TRANSLATED:
        yield low
    if (int(address) >> 32) & _LOW_32 in _ISATAP:
        yield low


def is_public(text: str) -> bool:
    """Whether an IP address is one of the open network: not loopback, link-local, private, metadata or reserved.

    Raises ValueError for what is no address.
    """
    address = read_address(text)
    if address is None:
        raise ValueError("this is no IP address")
    return all(_is_open(inside) for inside in insides_of(address))


def read_network(text: str) -> IpNetwork | None:
    """A network as ``10.0.0.0/8``, ``10.``, ``fd00::/8`` or a single address; bits behind the mask do not matter."""
    bracketed = _IN_BRACKETS.fullmatch(text.strip())
    stripped = bracketed[1] + bracketed[2] if bracketed is not None else text.strip()
    begins = _BEGINNING.fullmatch(stripped)
    if begins is not None:
        octets = begins[1].strip(".").split(".")
        stripped = f"{'.'.join([*octets, '0', '0', '0'][:4])}/{8 * len(octets)}"
    try:
        return ipaddress.ip_network(stripped, strict=False)
    except ValueError:
        address = read_address(stripped)
        return None if address is None else ipaddress.ip_network(address)


def lies_in(address: IpAddress, network: IpNetwork) -> bool:
    """Whether an address, or the one it is a mapped form of, lies in a network."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address in network or (mapped is not None and mapped in network)


def _is_open(address: IpAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.sixtofour) is not None:
        return True  # as its inside is, whatever this Python's own table says of the outside
    if any(address in network for network in _NEVER_PUBLIC):
        return False
    return address.is_global and not address.is_multicast
