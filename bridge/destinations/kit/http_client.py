"""One bounded HTTP client per destination.

The client speaks httpx's API over aiohttp: httpx's own pool collapses under concurrency (measured: 130 posts a second
at 32 at once, against 1,600). Redirects are never followed (a POST would become a GET), cookies never kept, and no
``.netrc`` is asked for passwords. aiohttp takes a tenth of a second to import, so it waits for the first call, and is
imported beside the event loop then: commands that only ask a destination what it can do make none.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from bridge.core.content_coding import IDENTITY
from bridge.core.credentials import split_credentials
from bridge.core.domains import ascii_url
from bridge.core.late_import import import_beside
from bridge.core.proxies import read_proxies
from bridge.core.tracing import CURRENT, trace_headers
from bridge.core.trust import ClientPair, UnusableTls, trust_as

if TYPE_CHECKING:
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

_UNUSED_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The session has a context of its own; the transport would make another and read all authorities for it, in 20 ms."""
_URLS_KEPT: Final = 100
_HOST, _LENGTH = b"Host", b"Content-Length"
_WRITTEN_HERE: Final = frozenset({"host", "content-length", "transfer-encoding"})
_KEEPALIVE_S = 15.0  # shorter than servers' own, so that we seldom write into a connection they have just closed


def make_client(
    *, connections: int, timeout_s: float, ca_file: Path | None = None, client_pair: ClientPair | None = None
) -> httpx.AsyncClient:
    """A client for up to ``connections`` calls at once, each bounded by ``timeout_s`` on the socket.

    ``ca_file`` holds the only authorities to trust; without it the system's are. Where the other side asks who calls,
    it is shown the certificate of ``client_pair``. Both are read for the first call. The
    proxies that the environment names (``HTTPS_PROXY``, ``NO_PROXY`` and the like) are used, as they are now. httpx
    tells its log the URL of each request, which may be a secret: from here on it tells warnings only.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)

    def session() -> aiohttp.ClientSession:
        from bridge.core.http_session import LenientConnector, make_session

        tls = _trusting(ca_file, client_pair) or True
        return make_session(LenientConnector(limit=connections, keepalive_timeout=_KEEPALIVE_S, ssl=tls))

    return _Client(_ByEnvironment(session), timeout_s)


def _trusting(ca_file: Path | None, client_pair: ClientPair | None) -> ssl.SSLContext | None:
    try:
        return trust_as(ca_file, client_pair)
    except UnusableTls as error:
        raise httpx.UnsupportedProtocol(str(error)) from None


class _NoCookies(httpx.Cookies):
    """Stays empty."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """See httpx.Cookies. Looking for them took a tenth of the time of a post."""


class _Client(httpx.AsyncClient):
    """A client that keeps no cookies, and does for a plain post only what a plain post needs.

    A destination posts to one URL again and again: it is read once. Headers are put together as bytes, and since
    nothing is redirected and there are no hooks, a call goes straight to the transport. A name and a password in the
    URL go out as Basic, unless a header of the call says who asks. A call on behalf of a trace says so.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, timeout_s: float) -> None:
        own = IDENTITY | {"User-Agent": "ams-bridge"}
        super().__init__(transport=transport, timeout=httpx.Timeout(timeout_s), follow_redirects=False, headers=own)
        self._direct = transport
        self._always = tuple((name.lower().decode(), (name, value)) for name, value in self.headers.raw)
        self._read_urls: dict[str, tuple[httpx.URL, str | None]] = {}

    def build_request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        content: Any = None,
        headers: Any = None,
        **parts: Any,
    ) -> httpx.Request:
        """See httpx.AsyncClient."""
        read, basic = self._read(str(url))
        if basic is not None and "authorization" not in httpx.Headers(headers):
            headers = dict(headers or {}) | {"Authorization": basic}
        if (trace := CURRENT.get()) is not None:
            headers = dict(headers or {}) | trace_headers(trace)
        if content and isinstance(content, bytes) and isinstance(headers, dict) and not parts:
            named = {name.lower(): (name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()}
            if _WRITTEN_HERE.isdisjoint(named):
                written = (_HOST, read.netloc), (_LENGTH, str(len(content)).encode())
                always = [pair for name, pair in self._always if name not in named]
                request = httpx.Request(
                    method,
                    read,
                    headers=httpx.Headers([*written, *always, *named.values()], encoding="ascii"),
                    stream=httpx.ByteStream(content),
                    extensions={"timeout": self.timeout.as_dict()},
                )
                request.read()
                return request
        return super().build_request(method, read, content=content, headers=headers, **parts)

    async def send(self, request: httpx.Request, *, stream: bool = False, **how: Any) -> httpx.Response:
        """See httpx.AsyncClient."""
        is_plain = stream and not how and "timeout" in request.extensions
        if is_plain and not self.is_closed:
            return await self._direct.handle_async_request(request)
        return await super().send(request, stream=stream, **how)

    def _read(self, url: str) -> tuple[httpx.URL, str | None]:
        read = self._read_urls.get(url)
        if read is None:
            if len(self._read_urls) >= _URLS_KEPT:
                self._read_urls.clear()
            plain, basic = split_credentials(url)
            try:
                read = self._read_urls[url] = httpx.URL(ascii_url(plain)), basic
            except ValueError:
                raise httpx.InvalidURL("no host has such a name") from None
        return read

    @property
    def cookies(self) -> httpx.Cookies:
        """See httpx.AsyncClient."""
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        """See httpx.AsyncClient. Kept are none."""


_NO_COOKIES: Final = _NoCookies()


class _ByEnvironment(httpx.AsyncBaseTransport):
    """Sends directly, or through the proxy that the environment names for a host.

    aiohttp can do that too, but it asks the environment anew for each request, on a thread, and ``.netrc`` with it.
    """

    def __init__(self, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._session = session
        self._proxies = read_proxies()
        self._transports: dict[str | None, AiohttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.AsyncBaseTransport."""
        proxy = await self._proxies.proxy_for(str(request.url)) if self._proxies.by_scheme else None
        if not self._transports:
            await import_beside("bridge.core.http_session")
        transport = self._transports.get(proxy)
        if transport is None:
            from httpx_aiohttp import AiohttpTransport

            through = _proxy(proxy) if proxy is not None else None
            transport = AiohttpTransport(_UNUSED_TLS, client=self._session, proxy=through)
            self._transports[proxy] = transport
        response: httpx.Response = await transport.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        """See httpx.AsyncBaseTransport."""
        for transport in self._transports.values():
            await transport.aclose()


def _proxy(url: str) -> httpx.Proxy:
    try:
        return httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        raise httpx.UnsupportedProtocol("the proxy that the environment names cannot be used") from None
