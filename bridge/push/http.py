"""The HTTP client of pushes: one session for all, bounded, without redirects, and within the address rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from bridge.core.addresses import may_reach, push_session
from bridge.core.fetching import CallBounds, Fetched, NoAnswer
from bridge.core.late_import import import_beside
from bridge.core.trust import explain_unusable
from broker.clock import Clock

if TYPE_CHECKING:
    import aiohttp

_BOUNDS: Final = CallBounds(timeout_s=30.0, longest_bytes=16 * 1024)  # ams-api.md 8.4

Posted: TypeAlias = Fetched
"""What an endpoint answered."""


class NotPosted(Exception):
    """A push got no answer; the text says why."""


PostCall: TypeAlias = Callable[[str, bytes, Mapping[str, str]], Awaitable[Posted]]
"""POSTs a body to a URL with these headers. Raises NotPosted."""


class PushHttp:
    """Posts to push endpoints, trusting what stands in ``ca_file``, or what the system trusts."""

    def __init__(self, clock: Clock, *, allow_private: bool, ca_file: Path | None = None) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """See Post."""
        await import_beside("bridge.core.http_session")
        from bridge.core.http_session import fetch

        try:
            session = self._open()
        except OSError as error:
            raise NotPosted(f"the ca_file {self._ca_file} cannot be used: {explain_unusable(error)}") from error
        try:
            return await fetch(
                session,
                "POST",
                url,
                _BOUNDS,
                self._clock,
                data=body,
                headers=headers,
                may_reach=may_reach(allow_private=self._allow_private),
            )
        except NoAnswer as wrong:
            raise NotPosted(str(wrong)) from wrong

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = push_session(allow_private=self._allow_private, ca_file=self._ca_file)
        return self._session
