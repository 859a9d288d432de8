"""Send one HTTP request and read the answer: the one table of outcomes (destinations.md section 1).

Every HTTP destination uses ``send`` and ``outcome_of``: the status decides. A kind refines single answers where its
service differs.
"""

from __future__ import annotations

import asyncio
import email.utils
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import cast

import httpx

from bridge.core.content_coding import unpack
from bridge.core.plain_reason import plain_reason
from bridge.core.proxies import read_proxies
from bridge.core.tls_failure import look_at_certificate, tls_fault, tls_text
from bridge.destinations.base import Delivered, Later, Outcome, RateLimitStatus, Refused
from bridge.destinations.kit.redact import Redactor
from broker.clock import US_PER_S

_SHOWN_BODY_RUNES = 300
_SHOWN_TLS_RUNES = 500
_LONGEST_ANSWER_BYTES = 64 * 1024
_LONGEST_CALL_S = 120.0
_MARGIN_S = 0.3  # the client's own timeouts come first: they tell whether there was a connection
_DISABLED_AFTER_S = 600.0  # 501: an administrator switched hooks off; asking often does not help
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\ufffd]")
_TRY_LATER = frozenset({407, 408, 425, 429})  # 407 is a proxy's on the way: nothing is wrong with the message


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the service answered: status, headers (lower-case names) and the beginning of the body as text.

    ``unread`` says why the body could not be read to its end; the status and the headers hold all the same.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    unread: str = ""


async def ask(
    http: httpx.AsyncClient,
    redact: Redactor,
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    longest_bytes: int = _LONGEST_ANSWER_BYTES,
) -> HttpAnswer | Later:
    """Make a request and ``send`` it; what cannot be made into one is a fault of the settings."""
    try:
        request = http.build_request(method, url, content=content, headers=headers)
    except (httpx.InvalidURL, ValueError, TypeError) as error:  # a UnicodeError is a ValueError
        return _cannot_be_sent(error, redact)
    return await send(http, request, redact, longest_bytes=longest_bytes)


async def send(
    http: httpx.AsyncClient, request: httpx.Request, redact: Redactor, *, longest_bytes: int = _LONGEST_ANSWER_BYTES
) -> HttpAnswer | Later:
    """Send one request. A failure of the network is a Later: unclear unless the connection never came to be.

    Once the status is read there is an Answer, whatever becomes of its body. Of that, not much more than
    ``longest_bytes`` are read, packed or not. The whole call ends within the client's timeout, or hardly later: its own
    timeouts begin anew with each byte that drips in.
    """
    import aiohttp  # a tenth of a second, which commands that only read the settings of a destination need not wait

    timeout_s = http.timeout.read or _LONGEST_CALL_S
    whole = asyncio.timeout(timeout_s + _MARGIN_S)  # noqa: TID251 - a timeout of the network, as the client's are
    reading: _Reading | None = None
    wrong = ""
    try:
        async with whole:
            response = await http.send(request, stream=True)
            reading = _Reading(response, longest_bytes)
            try:
                await reading.read()
            finally:
                await response.aclose()
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        late = f"not complete within {timeout_s:g} s" if whole.expired() else ""
        if reading is None:
            return Later(f"no answer: {late}", unclear=True) if late else await _network_failure(error, request, redact)
        wrong = late or "cut short"
    except ValueError as error:
        if reading is None:
            return _cannot_be_sent(error, redact)
        wrong = "cut short"
    return reading.answer(wrong)


def outcome_of(answer: HttpAnswer, now_us: int, redact: Redactor) -> Outcome:
    """The common reading of an answer; ``now_us`` is needed for a ``Retry-After`` that is a date."""
    pace = pace_of(answer.headers)
    status = answer.status
    if 200 <= status < 300:
        return Delivered(pace=pace)
    reason = reason_of(answer, redact)
    if status in _TRY_LATER or status >= 500:
        after_s = retry_after_s(answer.headers, now_us)
        if status == HTTPStatus.NOT_IMPLEMENTED and after_s is None:
            after_s = _DISABLED_AFTER_S
        return Later(reason, after_s=after_s, throttled=status == HTTPStatus.TOO_MANY_REQUESTS, pace=pace)
    return Refused(reason, destination_gone=status == HTTPStatus.GONE, pace=pace)


def reason_of(answer: HttpAnswer, redact: Redactor) -> str:
    """One line for people: the status in words and the beginning of the body, secrets redacted."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "unknown status"
    shown = plain_reason(redact(answer.text))[:_SHOWN_BODY_RUNES]
    unread = f" (its body: {answer.unread})" if answer.unread else ""
    return f"HTTP {answer.status} {phrase}{unread}" + (f": {shown}" if shown else "")


def not_expected(answer: HttpAnswer, whose: str, redact: Redactor) -> Later:
    """A 2xx whose body is not what the service answers: ``whose`` is Slack's, say.

    Clear only when it can be read, and is the text or the page of something in between. Else the service may have done
    what was asked.
    """
    text = answer.text.lstrip()
    readable = text and not answer.unread and not text.startswith(("{", "[")) and not _NO_TEXT.search(text)
    if readable:
        return Later(f"the answer was not {whose}: {reason_of(answer, redact)}")
    return Later(f"the answer could not be read as {whose}: {reason_of(answer, redact)}", unclear=True)


def retry_after_s(headers: Mapping[str, str], now_us: int) -> float | None:
    """Seconds to wait as the service asks.

    ``Retry-After`` (seconds or a date), else ``X-RateLimit-Reset`` when no calls remain; None when it says nothing.
    """
    value = headers.get("retry-after", "").strip()
    if value:
        return _seconds(value, now_us)
    pace = pace_of(headers)
    return pace.reset_s if pace is not None and pace.remaining == 0 else None


def pace_of(headers: Mapping[str, str]) -> RateLimitStatus | None:
    """The rate limit as told by ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset`` (seconds), if both can be read."""
    try:
        remaining = int(headers["x-ratelimit-remaining"])
        reset_s = float(headers.get("x-ratelimit-reset-after") or headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    return RateLimitStatus(remaining, reset_s) if remaining >= 0 and 0 <= reset_s < 86_400 else None


def _seconds(value: str, now_us: int) -> float | None:
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return max(0.0, at.timestamp() - now_us / US_PER_S)
    except (ValueError, OverflowError, TypeError, IndexError):  # what the library raises for what is no date
        return None


class _Reading:
    """Reads the first bytes of a body, from the transport itself: httpx would only count and pass on what comes."""

    def __init__(self, response: httpx.Response, longest_bytes: int) -> None:
        self._response = response
        self._longest_bytes = longest_bytes
        self._body = bytearray()

    async def read(self) -> None:
        """Read until the end, or until it is enough."""
        async for chunk in cast("httpx.AsyncByteStream", self._response.stream):
            self._body += chunk
            if len(self._body) >= self._longest_bytes:
                break

    def answer(self, wrong: str) -> HttpAnswer:
        """The answer as far as it came; ``wrong`` is why no more of it did."""
        headers: dict[str, str] = {}
        packings = []
        for raw_name, raw_value in self._response.headers.raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = value
            if name == "content-encoding":
                packings.append(value)
        unpacked = unpack(bytes(self._body), ",".join(packings), self._longest_bytes)
        text = unpacked.body.decode("utf-8-sig", "replace")
        return HttpAnswer(self._response.status_code, headers, text, wrong or unpacked.wrong)


def _cannot_be_sent(error: Exception, redact: Redactor) -> Later:
    """Nothing was sent, and nothing will be until the settings are mended."""
    what = "a header has characters that headers cannot have" if isinstance(error, UnicodeError) else redact(str(error))
    return Later(f"cannot be sent; look at the settings: {what}"[:_SHOWN_BODY_RUNES], misconfigured=True)


async def _network_failure(error: Exception, request: httpx.Request, redact: Redactor) -> Later:
    """Clear only when no connection came to be; after that, the service may have read the whole request.

    The transport maps some aiohttp errors to httpx names that tell too little, so the cause decides.
    """
    import aiohttp

    cause = error.__cause__ or error
    if isinstance(cause, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return Later("cannot be sent; look at the settings: this is no URL that can be asked", misconfigured=True)
    never = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
    clear = isinstance(cause, never) or (
        isinstance(error, (httpx.ConnectError, httpx.PoolTimeout, httpx.UnsupportedProtocol))
    )
    kind = "no connection" if clear else "no answer"
    fault = tls_fault(cause) if clear else None
    if fault is not None:
        text = redact(await _explain_untrusted(fault, request.url))
    elif isinstance(cause, aiohttp.ClientConnectorError):
        # asyncio's own text for it is "Connect call failed ('192.0.2.1', 443)"; resolvers have numbers below zero
        number = cause.os_error.errno or 0
        why = os.strerror(number) if number > 0 else cause.os_error.strerror or str(cause.os_error)
        text = redact(f"{cause.host}:{cause.port}: {why}")
    else:
        text = redact(str(cause)) or type(cause).__name__
    return Later(f"{kind}: {plain_reason(text)}"[: _SHOWN_TLS_RUNES if fault else _SHOWN_BODY_RUNES], unclear=not clear)


async def _explain_untrusted(fault: ssl.SSLError, url: httpx.URL) -> str:
    """Why TLS failed, with the certificate that is shown there."""
    port = url.port or 443
    text = f"{url.host}:{port}: {tls_text(fault)}"
    if not isinstance(fault, ssl.SSLCertVerificationError) or await read_proxies().proxy_for(str(url)) is not None:
        return text
    shown = await asyncio.to_thread(look_at_certificate, url.host, port)
    return f"{text} ({shown})" if shown else text
