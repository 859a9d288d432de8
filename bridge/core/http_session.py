"""Connections of aiohttp whose answers are read leniently. Everything that asks others over HTTP/1 uses them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

from bridge.core.answer_filter import AnswerFilter
from bridge.core.content_coding import IDENTITY, unpack
from bridge.core.credentials import split_credentials
from bridge.core.domains import ascii_url
from bridge.core.fetching import CallBounds, Fetched, NoAnswer
from bridge.core.plain_reason import plain_reason
from bridge.core.tls_failure import look_at_certificate, tls_fault, tls_text
from bridge.core.tracing import CURRENT, trace_headers
from broker.clock import Clock

_NO_URL: Final = "this is no URL that can be asked"


class _LenientHandler(ResponseHandler):
    """A connection whose answers pass through an AnswerFilter before aiohttp's parser sees them."""

    _filter: AnswerFilter | None = None

    def set_response_params(self, *, skip_payload: bool = False, **params: Any) -> None:
        """See ResponseHandler. Called for each answer that is waited for."""
        self._filter = AnswerFilter(with_body=not skip_payload)
        super().set_response_params(skip_payload=skip_payload, **params)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._filter is None or not data:
            super().data_received(data)
            return
        was_over = self._filter.is_over
        passed = self._filter.feed(data)
        if self._filter.must_close:
            self.force_close()
        if passed:
            super().data_received(passed)
        if (self._filter.is_broken or was_over) and self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol. A head that was cut off is still an answer."""
        if self._filter is not None and (rest := self._filter.finish()):
            super().data_received(rest)
        super().connection_lost(exc)


class LenientConnector(aiohttp.TCPConnector):
    """Makes connections whose answers are read leniently."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._factory = cast("partial[ResponseHandler]", partial(_LenientHandler, loop=self._loop))


def make_session(connector: LenientConnector, **settings: Any) -> aiohttp.ClientSession:
    """A session that keeps no cookies, asks for answers that are not packed, and unpacks none by itself."""
    headers = IDENTITY | dict(settings.pop("headers", {}))
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, headers=headers, **settings
    )


async def fetch(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    bounds: CallBounds,
    clock: Clock,
    *,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    may_reach: Callable[[str], bool] = lambda address: True,
    **more: Any,
) -> Fetched:
    """Make one call over HTTP; redirects are not followed. Raises NoAnswer. Once the status is read, it counts.

    A name and a password in the URL go out as Basic, unless a header says who asks. A certificate that is not trusted
    is looked at only where ``may_reach`` allows its address.
    """
    status, body, packing, wrong = 0, bytearray(), "", ""
    url, basic = split_credentials(url)
    try:
        url = ascii_url(url)
    except ValueError as error:
        raise NoAnswer(_NO_URL) from error
    if basic is not None and not any(name.lower() == "authorization" for name in headers or ()):
        headers = {**(headers or {}), "Authorization": basic}
    if (trace := CURRENT.get()) is not None:
        headers = {**(headers or {}), **trace_headers(trace)}
    try:
        async with (
            clock.timeout(bounds.timeout_s),
            session.request(method, url, data=data, headers=headers, allow_redirects=False, **more) as answer,
        ):
            status, packing = answer.status, ",".join(answer.headers.getall("Content-Encoding", ()))
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) >= bounds.longest_bytes:
                    answer.close()
                    break
    except TimeoutError as late:
        wrong = f"not complete within {bounds.timeout_s:g} s"
        if not status:
            raise NoAnswer(f"no answer within {bounds.timeout_s:g} s") from late
    except (aiohttp.ClientError, OSError, ValueError) as error:
        wrong = "cut short"
        if not status:
            directly = more.get("proxy") is None
            raise NoAnswer(await _why(error, url, may_reach if directly else _nowhere)) from error
    unpacked = unpack(bytes(body[: bounds.longest_bytes]), packing, bounds.longest_bytes)
    return Fetched(status, unpacked.body, wrong or unpacked.wrong)


def _nowhere(address: str) -> bool:
    """What is asked through a proxy is not looked at beside it."""
    return False


async def _why(error: Exception, url: str, may_reach: Callable[[str], bool]) -> str:
    """Why there was no answer; the URL, which may be a secret, is not in it."""
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return _NO_URL
    fault = tls_fault(error)
    if fault is None or not isinstance(error, aiohttp.ClientConnectorError):
        return plain_reason(str(error).replace(url, "the URL")) or type(error).__name__
    text = f"{error.host}:{error.port}: {tls_text(fault)}"
    if not isinstance(fault, ssl.SSLCertVerificationError) or error.port is None:
        return text
    shown = await asyncio.to_thread(look_at_certificate, error.host, error.port, may_reach)
    return f"{text} ({shown})" if shown else text
