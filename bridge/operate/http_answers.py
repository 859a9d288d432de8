"""From request to answer: who asks, what the body says, and every error in one shape (AMS's own).

``{"error": {"code": 400, "message": "...", "status": "INVALID_ARGUMENT"}}``; the message says what would help.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bridge.core.audit import AuditEntry
from bridge.core.guesses import whence_of
from bridge.core.token_gate import TOO_MANY
from bridge.operate.control_context import ControlSource
from broker.errors import NotFound, OutcomeUnknown, StoreUnavailable
from broker.tokens import digest_of
from rules.source.bounds import seconds_us

MAX_BODY_BYTES: Final = 1024 * 1024
RETRY_AFTER_S: Final = 1
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    409: "CONFLICT",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_SERVER_ERROR",
    503: "UNAVAILABLE",
}
_WHO_MAY: Final = "a token of the service or of a service_admin is needed: header x-api-key, or Authorization: Bearer"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
S = TypeVar("S")

log = structlog.get_logger("api")


class Refusal(Exception):
    """An answer other than 200; ``code`` is the HTTP status. ``wait_s`` says when to come back, where that is known."""

    def __init__(self, code: int, message: str, *, wait_s: int = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """An admitted request: who asks, and what."""

    source: ControlSource
    who: str
    request: Request

    def query(self, name: str) -> str:
        """A query parameter, "" when it is absent."""
        return self.request.query_params.get(name, "")

    def number(self, name: str, default: int | None = None) -> int | None:
        """A query parameter that is a whole number of at least 0. Raises Refusal."""
        said = self.query(name)
        if not said:
            return default
        if not (said.isascii() and said.isdigit() and len(said) < 16):
            raise Refusal(400, f"{name} must be a whole number, not {said[:40]!r}")
        return int(said)

    def ago_us(self, since_s: float) -> int:
        """The moment that lies ``since_s`` seconds back. Raises Refusal for more than a hundred years."""
        try:
            return self.source.clock.wall_us() - seconds_us(since_s, "since_s")
        except ValueError as error:
            raise Refusal(400, str(error)) from error

    def asks_for(self, name: str) -> bool:
        """Whether a query parameter says yes."""
        return self.query(name).lower() in ("1", "true", "yes")

    async def note(
        self,
        what: str,
        target: str = "",
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        done: bool = True,
    ) -> None:
        """Put on the audit trail what whoever asks did."""
        if self.source.audit is None:
            return
        entry = AuditEntry(
            what=what,
            who=self.who,
            address=whence_of(self.request.scope).address,
            target=target,
            outcome="done" if done else "refused",
            before=dict(before or {}),
            after=dict(after or {}),
        )
        await self.source.audit.note(entry)

    async def body(self, shape: type[S]) -> S:
        """The JSON body in a shape. Raises Refusal."""
        taken = bytearray()
        try:
            async for chunk in self.request.stream():
                taken += chunk
                if len(taken) > MAX_BODY_BYTES:
                    raise Refusal(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        except ClientDisconnect as error:
            raise Refusal(400, "the body did not arrive") from error
        try:
            return msgspec.json.decode(bytes(taken) or b"{}", type=shape)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Refusal(400, f"the body cannot be read: {error}") from error


ApiHandler: TypeAlias = Callable[[OperatorRequest], Awaitable[Any]]
"""Answers a request: with what goes out as JSON, with a Response, or by raising Refusal or a broker error."""


def endpoint(source: ControlSource, answer: ApiHandler) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint that admits, answers, and turns errors into bodies."""

    async def answered(request: Request) -> Response:
        try:
            who = await admit(source, request, source.admit)
            said = await answer(OperatorRequest(source, who, request))
        except Refusal as error:
            return refused(error.code, error.message, error.wait_s)
        except NotFound as error:
            return refused(404, str(error))
        except (StoreUnavailable, OutcomeUnknown) as error:
            log.warning("the store does not answer", path=request.url.path, error=str(error))
            return refused(503, str(error))
        except Exception as error:  # a bug of ours: told by name, never as a traceback to a client
            log.exception("an API request broke", path=request.url.path)
            return refused(500, f"a bug in ams-bridge: {type(error).__name__}; the log has more")
        return said if isinstance(said, Response) else ok(said)

    return answered


def ok(said: Any) -> Response:
    """A 200 with JSON."""
    return Response(msgspec.json.encode(said, enc_hook=str), media_type="application/json", headers=_HEADERS)


def refused(code: int, message: str, wait_s: int = RETRY_AFTER_S) -> Response:
    """An error in the body every route of the daemon uses."""
    headers = _HEADERS | ({"Retry-After": str(wait_s)} if code in (429, 503) else {})
    body = {"error": {"code": code, "message": message, "status": _STATUSES[code]}}
    return Response(msgspec.json.encode(body), code, headers, media_type="application/json")


async def admit(source: ControlSource, request: Request, names: Callable[[str], str | None]) -> str:
    """Who asks; ``names`` says whose a token is. Raises Refusal: 401, or 429 after too many wrong tokens."""
    token = _token(request.headers, request.query_params)
    if token:
        await pass_gate(source, request, token)
        who = names(token)
    else:
        who = source.admit_session(request.cookies) if request.method in ("GET", "HEAD") else None
    if who is None:
        raise Refusal(401, _WHO_MAY)
    return who


async def pass_gate(source: ControlSource, request: Request, token: str, what: str = "token") -> None:
    """Count a wrong token, and let nobody try more of them than is allowed. Raises Refusal 429."""
    if source.gate is None:
        return
    digest = digest_of(token.encode())
    wait_s = await source.gate.wait_s(digest, whence_of(request.scope), request.url.path, what)
    if wait_s:
        raise Refusal(429, TOO_MANY.format(wait_s), wait_s=wait_s)


def _token(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    if headers.get("x-api-key"):
        return headers["x-api-key"]
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer.strip()
    return query.get("key", "")
