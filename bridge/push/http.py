"""The HTTP client of pushes: one session for all, bounded, without redirects, and within the address rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from bridge.core.addresses import may_reach, push_session
from bridge.core.fetching import CallBounds, Fetched, NoAnswer
from bridge.core.late_import import import_beside
from bridge.core.trust import ClientPair, UnusableTls, digest_files
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


class _Session:
    """A session with the number of posts under way in it."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.under_way = 0
        self.is_retired = False


class PushHttp:
    """Posts to push endpoints, trusting what stands in ``ca_file`` or what the system trusts, as ``client_pair``."""

    def __init__(
        self, clock: Clock, *, allow_private: bool, ca_file: Path | None = None, client_pair: ClientPair | None = None
    ) -> None:
        self._clock = clock
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._client_pair = client_pair
        self._session: _Session | None = None
        self._read = b""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """See Post."""
        await import_beside("bridge.core.http_session")
        from bridge.core.http_session import fetch

        try:
            session = self._open()
        except UnusableTls as error:
            raise NotPosted(str(error)) from error
        session.under_way += 1
        try:
            return await fetch(
                session.http,
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
        finally:
            session.under_way -= 1
            if session.is_retired and not session.under_way:
                await session.http.close()

    async def renew(self) -> None:
        """Read the files again for posts from now on, if one of them changed; those under way end as they began."""
        session = self._session
        if session is None or digest_files(self._files()) == self._read:
            return
        self._session, session.is_retired = None, True
        if not session.under_way:
            await session.http.close()

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.http.close()
            self._session = None

    def _open(self) -> _Session:
        if self._session is None:
            self._read = digest_files(self._files())
            made = push_session(allow_private=self._allow_private, ca_file=self._ca_file, client_pair=self._client_pair)
            self._session = _Session(made)
        return self._session

    def _files(self) -> list[Path]:
        pair = self._client_pair
        named = [self._ca_file, *([pair.certificate, pair.key] if pair is not None else [])]
        return [file for file in named if file is not None]
