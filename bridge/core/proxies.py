"""Which proxy the environment names for a URL (``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``), and where none is used.

``NO_PROXY`` is a list of ``*``, domains (with a dot or ``*.`` before them or not: they name what is below them too),
addresses and networks, each with a port or without. Networks hold for the addresses that a name resolves to as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bridge.core.domains import ascii_domain
from bridge.core.networks import IpAddress, IpNetwork, lies_in, read_address, read_network

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_ASKED_AS: Final = {"ws": "http", "wss": "https"}
_RULE: Final = re.compile(r"(\[[^\]]*\](?:/\d+)?|[^:]+|[^:]*(?::[^:]*){2,}):?(\d+)?", re.DOTALL)
_BETWEEN: Final = re.compile(r"[,\s]+")
_LONGEST_LOOK_UP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of ``NO_PROXY``: everything, a network, or a domain; ``port`` None is any."""

    domain: str
    network: IpNetwork | None
    port: int | None

    def holds(self, host: str, addresses: Sequence[IpAddress], port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            network = self.network
            return any(lies_in(address, network) for address in addresses)
        return self.domain == "*" or host == self.domain or host.endswith("." + self.domain)


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an environment."""

    by_scheme: Mapping[str, str]
    exceptions: tuple[_Rule, ...]

    async def proxy_for(self, url: str) -> str | None:
        """The proxy for a URL, if it is asked through one."""
        parts = urlsplit(url)
        scheme = _ASKED_AS.get(parts.scheme, parts.scheme)
        proxy = self.by_scheme.get(scheme) or self.by_scheme.get("all")
        if not proxy or not parts.hostname:
            return None
        host = _in_ascii(parts.hostname.rstrip(".").lower())
        try:
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            port = 0  # who asks will be told that this is no URL
        if any(rule.holds(host, _literal_address(host), port) for rule in self.exceptions):
            return None
        asked = [rule for rule in self.exceptions if rule.network is not None and rule.port in (None, port)]
        if not asked or _literal_address(host):
            return proxy
        addresses = await _resolve(host, port)
        return None if any(rule.holds(host, addresses, port) for rule in asked) else proxy


def read_proxies(environment: Mapping[str, str] = os.environ) -> Proxies:
    """The proxies that the environment names now. Names in small letters win, as everywhere."""
    variables = {name.lower(): value.strip() for name, value in environment.items() if name.isupper()}
    variables |= {name: value.strip() for name, value in environment.items() if name.islower()}
    if "REQUEST_METHOD" in environment:  # a CGI script: the client chose HTTP_PROXY
        variables["http_proxy"] = environment.get("http_proxy", "")
    named = {scheme: variables.get(f"{scheme}_proxy", "") for scheme in ("http", "https", "all")}
    rules = [_rule(text) for text in _BETWEEN.split(variables.get("no_proxy", "")) if text]
    return Proxies({scheme: _with_scheme(url) for scheme, url in named.items() if url}, tuple(rules))


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _rule(text: str) -> _Rule:
    """Raises nothing: an entry that means nothing is a domain that nobody has."""
    text = text.lower()
    network = None if text == "*" else read_network(text)
    if network is not None:
        return _Rule("", network, None)
    match = _RULE.fullmatch(text)
    name, port = (match[1], int(match[2]) if match[2] else None) if match else (text, None)
    network = None if name == "*" else read_network(name)
    if network is not None:
        return _Rule("", network, port)
    domain = name if name == "*" else name.removeprefix("*").strip(".")
    return _Rule(_in_ascii(domain) or "-", None, port)


def _in_ascii(domain: str) -> str:
    """As the domain is asked for; what is none stays as it is, and is nobody's."""
    try:
        return ascii_domain(domain)
    except ValueError:
        return domain


def _literal_address(host: str) -> tuple[IpAddress, ...]:
    address = read_address(host)
    return () if address is None else (address,)


async def _resolve(host: str, port: int) -> list[IpAddress]:
    """The addresses of a name; none when it cannot be looked up, for the proxy may know it."""
    with contextlib.suppress(OSError, UnicodeError):
        async with asyncio.timeout(_LONGEST_LOOK_UP_S):  # noqa: TID251 - a timeout of the network
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return [address for _, _, _, _, (text, *_) in infos if (address := read_address(str(text))) is not None]
    return []
