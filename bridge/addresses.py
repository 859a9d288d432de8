"""Which addresses a URL given through the API may lead to (issue: a push endpoint must not reach our own insides).

Judged on the resolved address at connect time, so that a name cannot change its meaning between check and use.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult


class ForbiddenAddress(OSError):
    """The name leads to an address that may not be reached from here."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open network: not loopback, link-local, private, metadata or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast


class GuardedResolver(AbstractResolver):
    """Resolves names, and refuses those that lead to a forbidden address."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See aiohttp. Raises ForbiddenAddress."""
        found = await self._inner.resolve(host, port, family)
        for one in found:
            if not is_public(one["host"]):
                raise ForbiddenAddress(f"{host} is at a private address; push.allow_private lets it through")
        return found

    async def close(self) -> None:
        """See aiohttp."""
        await self._inner.close()


def guarded_session(**session: Any) -> aiohttp.ClientSession:
    """A client session that reaches public addresses only, IP literals included."""

    async def check(http: aiohttp.ClientSession, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        host = params.url.host or ""
        try:
            allowed = is_public(host)
        except ValueError:
            return  # a name: the resolver judges it
        if not allowed:
            raise ForbiddenAddress(f"{host} is a private address; push.allow_private lets it through")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(check)
    connector = aiohttp.TCPConnector(resolver=GuardedResolver())
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace], **session
    )
