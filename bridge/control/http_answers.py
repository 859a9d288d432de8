"""From request to answer: who asks, what query and body say, and every error in one shape (AMS's own).

``{"error": {"code": 400, "message": "...", "status": "INVALID_ARGUMENT"}}``; the message says what would help.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from bridge.control.api_queries import decode_query
from bridge.control.control_source import ControlSource
from bridge.core.bounded_body import BodyCutOff, BodyOverLimit, read_body
from bridge.core.error_answer import error_answer
from bridge.core.guesses import whence_of
from bridge.core.token_gate import TOO_MANY
from bridge.operate.operator_context import OperatorContext, Requester
from bridge.operate.operator_errors import (
    AmsRefused,
    InvalidInput,
    LimitReached,
    NoSuchThing,
    OperateError,
    ReloadFailed,
    Undecidable,
    UnreachableTable,
)
from bridge.operate.rights import Right, has_right, refusal_text
from broker.errors import NotFound, StoreError
from broker.tokens import digest_of_token

MAX_BODY_BYTES: Final = 1024 * 1024
RETRY_AFTER_S: Final = 1
STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_SERVER_ERROR",
    503: "UNAVAILABLE",
}
"""The word of each code that the API answers with."""
_WHO_MAY: Final = "a token of the service or of a service_admin is needed: header x-api-key, or Authorization: Bearer"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
S = TypeVar("S")
Q = TypeVar("Q", bound=msgspec.Struct)

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

    context: OperatorContext
    by: Requester
    request: Request

    def query(self, shape: type[Q]) -> Q:
        """The query parameters in a shape. Raises InvalidInput."""
        return decode_query(self.request.query_params, shape)

    async def body(self, shape: type[S]) -> S:
        """The JSON body in a shape, which may say itself how large it may be. Raises Refusal."""
        try:
            taken = await read_body(self.request.receive, getattr(shape, "MOST_BYTES", MAX_BODY_BYTES))
        except BodyOverLimit as error:
            raise Refusal(413, str(error)) from error
        except BodyCutOff as error:
            raise Refusal(400, str(error)) from error
        try:
            return msgspec.json.decode(taken or b"{}", type=shape)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Refusal(400, f"the body cannot be read: {error}") from error


def requester(request: Request, who: Requester) -> Requester:
    """The person who asks, with the address that the request comes from."""
    return replace(who, address=whence_of(request.scope).address)


def require_right(by: Requester, right: Right) -> None:
    """Let nobody pass whose role does not include the right. Raises Refusal 403."""
    if not has_right(by.role, right):
        raise Refusal(403, refusal_text(by.role, right))


def code_of(error: OperateError) -> int:
    """The HTTP status that says what a use case could not do."""
    match error:
        case InvalidInput():
            return 400
        case NoSuchThing():
            return 404
        case ReloadFailed():
            return 409
        case LimitReached():
            return 429
        case Undecidable():
            return 500
        case AmsRefused(code=code):
            return code
        case UnreachableTable():
            return 503
        case _:
            raise TypeError(f"a use case raised {type(error).__name__}, which has no status")


async def answer_or_refuse(request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
    """The answer, or the error that it met, in the body every route of the daemon uses."""
    try:
        return await answer()
    except Refusal as error:
        return answer_refusal(error.code, error.message, error.wait_s)
    except OperateError as error:
        return answer_refusal(code_of(error), str(error))
    except NotFound as error:
        return answer_refusal(404, str(error))
    except StoreError as error:
        log.warning("the store does not answer", path=request.url.path, error=str(error))
        return answer_refusal(503, str(error))
    except Exception as error:  # a bug of ours: told by name, never as a traceback to a client
        log.exception("an API request broke", path=request.url.path)
        return answer_refusal(500, f"a bug in ams-bridge: {type(error).__name__}; the log has more")


def answer_json(value: Any) -> Response:
    """Answer 200 with JSON: the one place where answers are encoded."""
    return Response(msgspec.json.encode(value, enc_hook=str), media_type="application/json", headers=_HEADERS)


def answer_refusal(code: int, message: str, wait_s: int = RETRY_AFTER_S) -> Response:
    """Answer an error in the body every route of the daemon uses."""
    headers = _HEADERS | ({"Retry-After": str(wait_s)} if code in (429, 503) else {})
    return error_answer(code, message, STATUSES[code], headers)


async def admit(source: ControlSource, request: Request, holder: Callable[[str], Requester | None]) -> Requester:
    """Who asks; ``holder`` says whose a token is. Raises Refusal: 401, or 429 after too many wrong tokens."""
    token = _token(request.headers, request.query_params)
    if token:
        await pass_gate(source, request, token)
        who = holder(token)
    else:
        who = source.admit_session(request) if request.method in ("GET", "HEAD") else None
    if who is None:
        raise Refusal(401, _WHO_MAY)
    return who


async def pass_gate(source: ControlSource, request: Request, token: str, what: str = "token") -> None:
    """Count a wrong token, and let nobody try more of them than is allowed. Raises Refusal 429."""
    if source.gate is None:
        return
    digest = digest_of_token(token.encode())
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
