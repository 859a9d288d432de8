"""Send one HTTP request and read the answer: the one table of outcomes (destinations.md section 1).

Every HTTP destination uses ``send`` and ``outcome_of``; a kind refines single answers where its service differs.
"""

from __future__ import annotations

import asyncio
import email.utils
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from http import HTTPStatus
from typing import cast

import httpx

from bridge.destinations.base import Delivered, Later, Outcome, Pace, Refused
from bridge.destinations.redact import Redactor
from broker.clock import US_PER_S

_SHOWN_BODY_RUNES = 300
_LONGEST_ANSWER_BYTES = 64 * 1024
_LONGEST_CALL_S = 120.0
_MARGIN_S = 0.3  # the client's own timeouts come first: they tell whether there was a connection
_DISABLED_AFTER_S = 600.0  # 501: an administrator switched hooks off; asking often does not help
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_TRY_LATER = frozenset({407, 408, 425, 429})  # 407 is a proxy's on the way: nothing is wrong with the message


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered: status, headers (lower-case names) and the beginning of the body as text."""

    status: int
    headers: Mapping[str, str]
    text: str


async def send(
    http: httpx.AsyncClient, request: httpx.Request, redact: Redactor, *, longest_bytes: int = _LONGEST_ANSWER_BYTES
) -> Answer | Later:
    """Send once. A failure of the network is a Later: unclear unless the connection never came to be.

    Of the body, not much more than ``longest_bytes`` are read. The whole call ends within the client's timeout, or
    hardly later: its own timeouts begin anew with each byte that drips in.
    """
    import aiohttp  # a tenth of a second, which commands that only read the settings of a destination need not wait

    timeout_s = http.timeout.read or _LONGEST_CALL_S
    whole = asyncio.timeout(timeout_s + _MARGIN_S)  # noqa: TID251 - a timeout of the network, as the client's are
    try:
        async with whole:
            response = await http.send(request, stream=True)
            try:
                body = await _beginning(response, longest_bytes)
            finally:
                await response.aclose()
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        if whole.expired():
            return Later(f"no answer: not complete within {timeout_s:g} s", unclear=True)
        return _network_failure(error, redact)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
    return Answer(response.status_code, headers, body.decode("utf-8", "replace"))


def outcome_of(answer: Answer, now_us: int, redact: Redactor) -> Outcome:
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


def reason_of(answer: Answer, redact: Redactor) -> str:
    """One line for people: the status in words and the beginning of the body, secrets redacted."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "unknown status"
    shown = " ".join(redact(answer.text).split())[:_SHOWN_BODY_RUNES]
    return f"HTTP {answer.status} {phrase}" + (f": {shown}" if shown else "")


def retry_after_s(headers: Mapping[str, str], now_us: int) -> float | None:
    """Seconds to wait as the service asks.

    ``Retry-After`` (seconds or a date), else ``X-RateLimit-Reset`` when no calls remain; None when it says nothing.
    """
    value = headers.get("retry-after", "").strip()
    if value:
        return _seconds(value, now_us)
    pace = pace_of(headers)
    return pace.reset_s if pace is not None and pace.remaining == 0 else None


def pace_of(headers: Mapping[str, str]) -> Pace | None:
    """The rate limit as told by ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset`` (seconds), if both can be read."""
    try:
        remaining = int(headers["x-ratelimit-remaining"])
        reset_s = float(headers.get("x-ratelimit-reset-after") or headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        return None
    return Pace(remaining, reset_s) if remaining >= 0 and 0 <= reset_s < 86_400 else None


def _seconds(value: str, now_us: int) -> float | None:
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - now_us / US_PER_S)


async def _beginning(response: httpx.Response, longest_bytes: int) -> bytes:
    """The first bytes of the body, from the transport itself: httpx would only count and pass on what comes."""
    body = bytearray()
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        body += chunk
        if len(body) >= longest_bytes:
            break
    return bytes(body[:longest_bytes])


def _network_failure(error: Exception, redact: Redactor) -> Later:
    """Clear only when no connection came to be; after that, the service may have read the whole request.

    The transport maps some aiohttp errors to httpx names that tell too little, so the cause decides.
    """
    import aiohttp

    cause = error.__cause__ or error
    never = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
    clear = isinstance(cause, never) or (
        isinstance(error, (httpx.ConnectError, httpx.PoolTimeout, httpx.UnsupportedProtocol))
    )
    kind = "no connection" if clear else "no answer"
    if isinstance(cause, aiohttp.ClientConnectorError):
        # asyncio's own text for it is "Connect call failed ('192.0.2.1', 443)"; resolvers have numbers below zero
        number = cause.os_error.errno or 0
        why = os.strerror(number) if number > 0 else cause.os_error.strerror or str(cause.os_error)
        text = redact(f"{cause.host}:{cause.port}: {why}")
    else:
        text = " ".join(redact(str(cause)).split()) or type(cause).__name__
    return Later(f"{kind}: {text}"[:_SHOWN_BODY_RUNES], unclear=not clear)
