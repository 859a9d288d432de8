"""The AMS API as an ASGI application: find the route, admit the caller, read the body, answer as JSON.

Plain ASGI, without a framework in between: publish, pull and acknowledge are the hot path of the whole daemon. Mount
it for everything under ``/v1``; it looks at the whole path. The TLS peer's certificate, if any, is
``scope["state"]["peer_der"]``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import structlog

from bridge.api.call import Api, ApiSettings, Call, Outside
from bridge.api.cors import ANY_ORIGIN, preflight
from bridge.api.errors import RETRY_AFTER_S, ApiError, from_broker, internal, not_found, too_large
from bridge.api.openapi import openapi_document
from bridge.api.pipeline import admit, check_names, token_of
from bridge.api.route import Matched, Route, Router
from bridge.api.routes import ROUTES
from broker.broker import Broker
from broker.errors import BrokerError, StoreError

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
Observe: TypeAlias = Callable[[str, int, float], None]
"""Told of every answer: the route's name ("" when there is none), the status, and the seconds it took."""

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_PREFIX: Final = "/v1"
_DOTS: Final = ("", ".", "..")
_HOT_VERBS: Final = frozenset({"publish", "pull", "acknowledge"})
_REFUSALS: Final = {400: "BAD_REQUEST", 403: "FORBIDDEN", 405: "METHOD_NOT_ALLOWED"}
_WITH_BODY: Final = frozenset({"POST", "PUT"})
_ENCODER: Final = msgspec.json.Encoder()
_log = structlog.get_logger(__name__)


def _hot_routes(routes: Iterable[Route]) -> Iterable[tuple[tuple[str, str], tuple[Route, str]]]:
    """Collection and verb -> route and path variable, for the routes that carry messages."""
    for route in routes:
        resource, _, verb = route.path.rpartition(":")
        if verb in _HOT_VERBS:
            collection, _, variable = resource.rpartition("/")
            yield (collection.rpartition("/")[2], verb), (route, variable.strip("{}"))


@dataclass(slots=True)
class _Asked:
    """One request, and the name of the route it turned out to mean."""

    scope: Scope
    receive: Receive
    route: str = ""


class _Gone(Exception):
    """The client went away before its request was whole."""


def ams_app(broker: Broker, settings: ApiSettings, outside: Outside, observe: Observe | None = None) -> AmsApp:
    """The application over a loaded broker."""
    return AmsApp(Api(broker, settings, outside), observe or (lambda route, status, seconds: None))


class AmsApp:
    """See the module."""

    def __init__(self, api: Api, observe: Observe) -> None:
        self.api = api
        self._observe = observe
        self._router = Router(ROUTES)
        self._hot = dict(_hot_routes(ROUTES))
        self._openapi = _ENCODER.encode(openapi_document(api.settings.release))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the API speaks HTTP only, not {scope['type']}")
        begun = self.api.broker.clock.monotonic()
        headers: Headers = scope["headers"]
        extra = [_JSON]
        if _from_browser(headers):
            if scope["method"] == "OPTIONS":
                await _send_preflight(headers, send)
                return
            extra.append(ANY_ORIGIN)
        asked = _Asked(scope, receive)
        try:
            status, body = await self._answer(asked)
        except _Gone:
            return
        if status == 503:
            extra.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        await _send(send, status, body, extra)
        self._observe(asked.route, status, self.api.broker.clock.monotonic() - begun)

    async def _answer(self, asked: _Asked) -> tuple[int, bytes]:
        """Status and body; every failure is one of AMS's errors, and none is a traceback."""
        try:
            return 200, await self._run(asked)
        except ApiError as error:
            return error.code, error.body()
        except BrokerError as broken:
            if isinstance(broken, StoreError):
                _log.warning("the store failed a request", route=asked.route, reason=str(broken))
            answer = from_broker(broken)
            return answer.code, answer.body()
        except _Gone:
            raise
        except Exception:
            _log.exception("request failed", route=asked.route)
            answer = internal()
            return answer.code, answer.body()

    async def _run(self, asked: _Asked) -> bytes:
        scope = asked.scope
        method, path = scope["method"], scope["path"]
        matched = self._find(method, path)
        if matched is None and path == "/openapi.json" and method == "GET":
            asked.route = "openapi"
            return self._openapi
        if matched is None:
            from bridge.api.x509 import host_of, login  # with what reads certificates, only where somebody asks

            host = host_of(path) if method == "GET" else None
            if host is None:
                raise not_found("Route not found")
            asked.route = "x509:login"
            return _ENCODER.encode(login(self.api, host, (scope.get("state") or {}).get("peer_der")))
        route = matched.route
        asked.route = route.name
        check_names(matched.names)
        token = token_of(scope["headers"], scope["query_string"], self.api.settings.token_from)
        project, caller = admit(self.api, route, matched.names.get("project"), token)
        body = await self._body(asked.receive, route) if route.method in _WITH_BODY else b""
        answer = await route.handler(Call(self.api, matched.names, caller, project, scope["query_string"], token, body))
        if isinstance(answer, bytes):
            return answer
        return b"{}" if answer is None else _ENCODER.encode(answer)

    def _find(self, method: str, path: str) -> Matched | None:
        """The hot routes by one look, all others by the table."""
        parts = path.split("/")
        if method == "POST" and len(parts) == 6 and parts[2] == "projects" and parts[1] == "v1":
            name, _, verb = parts[5].rpartition(":")
            hot = self._hot.get((parts[4], verb))
            if hot is not None and name and parts[3] not in _DOTS:
                route, variable = hot
                return Matched(route, {"project": parts[3], variable: name})
        if not path.startswith("/v1/"):
            return None
        return self._router.find(method, path[len(_PREFIX) :])

    async def _body(self, receive: Receive, route: Route) -> bytes:
        """The whole body. Raises ApiError when it is over the cap, _Gone when the client leaves."""
        settings = self.api.settings
        limit = settings.max_publish_bytes if route.name == "topics:publish" else settings.max_body_bytes
        event = await receive()
        body: bytes = event.get("body", b"")
        if event.get("more_body"):
            body = await _rest(body, receive, limit)
        elif event["type"] == "http.disconnect":
            raise _Gone
        if len(body) > limit:
            raise too_large()
        return body


def _from_browser(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110 - a plain loop is on the way of every message, and faster
        if name == b"origin":
            return True
    return False


async def _rest(body: bytes, receive: Receive, limit: int) -> bytes:
    """What follows a first part of a body. Raises ApiError, _Gone."""
    parts, size = [body], len(body)
    while size <= limit:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _Gone
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if not event.get("more_body"):
            return b"".join(parts)
    raise too_large()


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_preflight(headers: Headers, send: Send) -> None:
    verdict = preflight(headers)
    body = b"{}" if not verdict.problem else ApiError(verdict.status, _REFUSALS[verdict.status], verdict.problem).body()
    await _send(send, verdict.status, body, [_JSON, *verdict.headers])
