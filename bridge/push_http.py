"""The HTTP client of pushes: one session for all, bounded, without redirects, and within the address rules."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiohttp

from bridge.addresses import push_session
from broker.clock import Clock

_TIMEOUT_S: Final = 30.0  # ams-api.md 8.4
_LARGEST_ANSWER_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Posted:
    """What an endpoint answered."""

    status: int
    body: bytes


class NotPosted(Exception):
    """There was no answer; the text says why."""


Post: TypeAlias = Callable[[str, bytes, Mapping[str, str]], Awaitable[Posted]]
"""POSTs a body to a URL with these headers. Raises NotPosted."""


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """What an answer says, as far as it can be read: its status has decided already."""
    try:
        return await answer.content.read(_LARGEST_ANSWER_BYTES)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return b""


class PushHttp:
    """Posts to push endpoints. ``tls`` None trusts what the system trusts."""

    def __init__(self, clock: Clock, *, allow_private: bool, tls: ssl.SSLContext | None = None) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """See Post."""
        session = self._open()
        try:
            async with (
                self._clock.timeout(_TIMEOUT_S),
                session.post(url, data=body, headers=headers, allow_redirects=False, ssl=self._tls or True) as answer,
            ):
                return Posted(answer.status, await _beginning(answer))
        except TimeoutError as late:
            raise NotPosted(f"no answer within {_TIMEOUT_S:g} s") from late
        except (aiohttp.ClientError, OSError, ValueError) as wrong:
            raise NotPosted(str(wrong) or type(wrong).__name__) from wrong

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = push_session(allow_private=self._allow_private)
        return self._session
