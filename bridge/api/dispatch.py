"""The AMS API as an ASGI application: find the route, admit the caller, read the body, answer as JSON.

Plain ASGI, without a framework in between: publish, pull and acknowledge are the hot path of the whole daemon. Mount
it for everything under ``/v1``; it looks at the whole path. The TLS peer's certificate, if any, is
``scope["state"]["peer_der"]``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import structlog

from bridge.api.api_errors import RETRY_AFTER_S, ApiError, from_broker, internal, not_found, too_large, too_many_tokens
from bridge.api.audited import audited_facts, entry_of, is_audited
from bridge.api.call import Api, ApiPorts, ApiSettings, Call, Caller
from bridge.api.cors import ANY_ORIGIN, judge_preflight
from bridge.api.more_routes import ALL_ROUTES
from bridge.api.openapi import openapi_document
from bridge.api.request_bodies import coding_of, unpack_body
from bridge.api.request_pipeline import admit_call, check_names, token_of
from bridge.api.route import ApiRoute, Matched, RouteTable
from bridge.core.bounded_body import BodyCutOff, BodyOverLimit, read_body
from bridge.core.guesses import whence_of
from bridge.core.packed_bodies import ENCODINGS
from bridge.core.token_gate import TOO_MANY, Note, TokenGate
from bridge.core.tracing import TraceContext, Tracer
from broker.broker import Broker
from broker.catalog_cache import CatalogCache
from broker.errors import BrokerError, StoreError
from broker.records import Project
from broker.tokens import digest_of_token

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
Observe: TypeAlias = Callable[[str, int, float, TraceContext | None], None]
"""Told of every answer: the route's name ("" when there is none), the status, the seconds it took, and its trace."""

_KNOWN_CODINGS: Final = (b"accept-encoding", ", ".join(ENCODINGS).encode())
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_PREFIX: Final = "/v1"
_DOTS: Final = ("", ".", "..")
_HOT_VERBS: Final = frozenset({"publish", "pull", "acknowledge"})
_KNOWN: Final = 10_000
_REFUSALS: Final = {400: "BAD_REQUEST", 403: "FORBIDDEN", 405: "METHOD_NOT_ALLOWED"}
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_ENCODER: Final = msgspec.json.Encoder()
_log = structlog.get_logger(__name__)


def _hot_routes(routes: Iterable[ApiRoute]) -> Iterable[tuple[tuple[str, str], tuple[ApiRoute, str]]]:
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
    wait_s: int = 0
    status: int = 200
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Who may call a route with a path: what was found out before its handler."""

    route: ApiRoute
    names: Mapping[str, str]
    project: Project | None
    caller: Caller


class _Admissions:
    """Who was admitted to the routes that carry messages, by path and the token's digest, until the catalog changes.

    The same publisher asks all day, and finding all that out anew took half of what the API does for a message.
    """

    def __init__(self, cache: CatalogCache) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str], _Admitted] = {}
        self._revision = cache.revision

    def to(self, place: tuple[str, str]) -> _Admitted | None:
        """What is known and still true, or None. Raises StoreUnavailable when the catalog may be too old to say."""
        if self._cache.revision != self._revision or len(self._known) > _KNOWN:
            self._known.clear()
            self._revision = self._cache.revision
        known = self._known.get(place)
        if known is not None:
            self._cache.check_fresh()
        return known

    def remember(self, place: tuple[str, str], admitted: _Admitted) -> None:
        """Keep what was found out just now."""
        self._known[place] = admitted


@dataclass(frozen=True, slots=True)
class ApiWatch:
    """Who stands at the API's door: slows down wrong tokens, and notes what is changed."""

    gate: TokenGate
    note: Note


def ams_app(
    broker: Broker,
    settings: ApiSettings,
    outside: ApiPorts,
    observe: Observe | None = None,
    watch: ApiWatch | None = None,
    tracer: Tracer | None = None,
) -> AmsApp:
    """The application over a loaded broker; without ``watch`` nobody slows guesses down, or notes what is changed."""
    api = Api(broker, settings, outside, tracer=tracer)
    return AmsApp(api, observe or (lambda route, status, seconds, trace: None), watch)


class AmsApp:
    """See the module."""

    def __init__(self, api: Api, observe: Observe, watch: ApiWatch | None = None) -> None:
        self.api = api
        self._watch = watch
        self._observe = observe
        self._router = RouteTable(ALL_ROUTES)
        self._hot = dict(_hot_routes(ALL_ROUTES))
        self._hot_routes = [route for route, _ in self._hot.values()]
        self._admitted = _Admissions(api.broker.cache)
        self._openapi = b""  # made when it is asked for first: that takes 20 ms, which a start need not wait

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the API speaks HTTP only, not {scope['type']}")
        begun = self.api.broker.clock.monotonic()
        headers: Headers = scope["headers"]
        extra = [_JSON]
        if _from_browser(headers):
            extra.append(ANY_ORIGIN)
        if scope["method"] == "OPTIONS":
            await _send_options(headers, send)
            return
        asked = _Asked(scope, receive)
        try:
            status, body = await self._answer(asked)
        except BodyCutOff:
            return
        if status in (429, 503):
            extra.append((b"retry-after", str(asked.wait_s or RETRY_AFTER_S).encode()))
        elif status == 415:
            extra.append(_KNOWN_CODINGS)
        await _send(send, status, body, extra)
        self._observe(asked.route, status, self.api.broker.clock.monotonic() - begun, asked.trace)

    async def _answer(self, asked: _Asked) -> tuple[int, bytes]:
        """Status and body; every failure is one of AMS's errors, and none is a traceback."""
        try:
            body = await self._run(asked)
        except ApiError as error:
            asked.wait_s = error.wait_s
            return error.code, error.body()
        except BrokerError as broken:
            if isinstance(broken, StoreError):
                _log.warning("the store failed a request", route=asked.route, reason=str(broken))
            answer = from_broker(broken)
            return answer.code, answer.body()
        except BodyCutOff:
            raise
        except Exception:
            _log.exception("request failed", route=asked.route)
            answer = internal()
            return answer.code, answer.body()
        else:
            return asked.status, body

    async def _run(self, asked: _Asked) -> bytes:
        scope = asked.scope
        method, path, query = scope["method"], scope["path"], scope["query_string"]
        token = token_of(scope["headers"], query, self.api.settings.token_from)
        place = path, digest_of_token(token)
        admitted = self._admitted.to(place) if method == "POST" else None
        if admitted is None:
            matched = self._find(method, path)
            if matched is None:
                return self._outside_the_table(asked)
            asked.route = matched.route.name
            if token:
                await self._pass_gate(scope, place[1])
            check_names(matched.names)
            project, caller = admit_call(self.api, matched.route, matched.names.get("project"), token)
            admitted = _Admitted(matched.route, matched.names, project, caller)
            if matched.route in self._hot_routes:
                self._admitted.remember(place, admitted)
        route = admitted.route
        asked.route = route.name
        asked.status = route.status
        body = await self._body(asked, route) if route.method in _WITH_BODY else b""
        call = Call(self.api, admitted.names, admitted.caller, admitted.project, query, token, body, scope["headers"])
        answer = await (self._audit(call, route, scope) if is_audited(route) else route.handler(call))
        asked.trace = call.trace
        if isinstance(answer, bytes):
            return answer
        return b"{}" if answer is None else _ENCODER.encode(answer)

    async def _pass_gate(self, scope: Scope, digest: str) -> None:
        """Count a wrong token, and let nobody try more of them than is allowed. Raises ApiError."""
        if self._watch is None:
            return
        wait_s = await self._watch.gate.wait_s(digest, whence_of(scope), scope["path"])
        if wait_s:
            raise too_many_tokens(TOO_MANY.format(wait_s), wait_s)

    async def _audit(self, call: Call, route: ApiRoute, scope: Scope) -> object:
        """The answer of a route that changes something, which is put on the audit trail."""
        if self._watch is None:
            return await route.handler(call)
        before = audited_facts(call)
        answer = await route.handler(call)
        await self._watch.note(entry_of(call, route, whence_of(scope).address, before, audited_facts(call)))
        return answer

    def _outside_the_table(self, asked: _Asked) -> bytes:
        """What has no role and no project: the description of the API, and the login with a certificate."""
        from bridge.api.x509 import host_of, login  # with what reads certificates, only where somebody asks

        method, path = asked.scope["method"], asked.scope["path"]
        if path == "/openapi.json" and method == "GET":
            asked.route = "openapi"
            self._openapi = self._openapi or _ENCODER.encode(openapi_document(self.api.settings.release))
            return self._openapi
        host = host_of(path) if method == "GET" else None
        if host is None:
            raise not_found("Route not found")
        asked.route = "x509:login"
        return _ENCODER.encode(login(self.api, host, (asked.scope.get("state") or {}).get("peer_der")))

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

    async def _body(self, asked: _Asked, route: ApiRoute) -> bytes:
        """The whole body, unpacked. Raises ApiError when it is over the cap, BodyCutOff when the client leaves."""
        settings = self.api.settings
        limit = settings.max_publish_bytes if route.name == "topics:publish" else settings.max_body_bytes
        try:
            body = await read_body(asked.receive, limit)
        except BodyOverLimit as error:
            raise too_large() from error
        coding = coding_of(asked.scope["headers"])
        return await unpack_body(body, coding, limit, self.api.beside) if coding else body


def _from_browser(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110 - a plain loop is on the way of every message, and faster
        if name == b"origin":
            return True
    return False


async def _send(send: AsgiSend, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_options(headers: Headers, send: AsgiSend) -> None:
    """A browser that asks first is judged; OPTIONS without an Origin is answered with nothing, whatever the path."""
    if not _from_browser(headers):
        await _send(send, 200, b"{}", [_JSON])
        return
    verdict = judge_preflight(headers)
    body = b"{}" if not verdict.problem else ApiError(verdict.status, _REFUSALS[verdict.status], verdict.problem).body()
    await _send(send, verdict.status, body, [_JSON, *verdict.headers])
