"""The daemon's ASGI root: /v1 goes to the AMS API untouched, everything else through Starlette.

``/hooks/NAME`` receives, ``/healthz`` and ``/readyz`` tell, ``/metrics`` counts, ``/api`` is our own API, and the
rest are pages. Errors have one JSON body everywhere but for a browser that asks for a page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bridge.core.error_answer import error_answer
from bridge.core.guesses import PEER
from bridge.observe.exposition import Exposition
from bridge.observe.health import HealthReport
from bridge.sources.hooks import RETRY_AFTER_S, Hooks
from broker.errors import StoreError

_NO_PAGES = ("/api/", "/hooks/", "/actions", "/static/")

_OF_THE_AMS_API = re.compile(r"/+v\d+(/|$)|/openapi\.json")
"""Versions that there are not, and paths that are not tidy, are refused by the API whose clients ask for them."""

log = structlog.get_logger("web")


class WebRoot:
    """Everything the daemon answers over HTTP."""

    def __init__(
        self,
        ams: Callable[..., Awaitable[None]],
        hooks: Hooks,
        health: Callable[[], HealthReport],
        metrics: Callable[[str], Awaitable[Exposition]],
        more: Sequence[BaseRoute],
        error_page: Callable[[Request, int, str], Response],
        admit_to_metrics: Callable[[Request], Awaitable[Response | None]] | None = None,
    ) -> None:
        trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
        self._ams = ProxyHeadersMiddleware(cast("Any", ams), trusted)
        self._admit_to_metrics = admit_to_metrics
        self._health = health
        self._metrics = metrics
        self._error_page = error_page
        rest = Starlette(
            routes=[
                Route("/hooks/{name}", hooks.receive, methods=["POST"]),
                Route("/healthz", self.healthz),
                Route("/readyz", self.readyz),
                Route("/metrics", self.metrics),
                *more,
            ],
            exception_handlers={HTTPException: self._refuse, StoreError: self._unavailable, Exception: self._fail},
        )
        self._rest = ProxyHeadersMiddleware(cast("Any", rest), trusted)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request. Who is at the other end of the connection is kept beside whom a proxy speaks for."""
        scope[PEER] = scope.get("client")
        if scope["type"] == "http" and _OF_THE_AMS_API.match(scope["path"]):
            await self._ams(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def healthz(self, request: Request) -> Response:
        """Alive: 200 with every worker by name, whatever state it is in."""
        return JSONResponse(self._health().as_json())

    async def readyz(self, request: Request) -> Response:
        """Ready: 200 when the store takes writes and rules are loaded, else 503; degraded shows in the body."""
        report = self._health()
        return JSONResponse(report.as_json(), 200 if report.ready else 503)

    async def metrics(self, request: Request) -> Response:
        """The metrics page for Prometheus, or OpenMetrics; ``server.metrics: token`` asks who reads it."""
        refusal = await self._admit_to_metrics(request) if self._admit_to_metrics is not None else None
        if refusal is not None:
            return refusal
        page = await self._metrics(",".join(request.headers.getlist("accept")))
        return Response(page.body, headers={"Content-Type": page.content_type, "Vary": "Accept"})

    async def _refuse(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = error.detail if isinstance(error, HTTPException) else ""
        return self._answer_error(request, status, "NOT_FOUND" if status == 404 else "REFUSED", text)

    async def _unavailable(self, request: Request, error: Exception) -> Response:
        log.warning("the store does not answer", path=request.url.path, error=str(error))
        return self._answer_error(request, 503, "UNAVAILABLE", str(error))

    async def _fail(self, request: Request, error: Exception) -> Response:
        return self._answer_error(request, 500, "INTERNAL_SERVER_ERROR", "Internal error; the daemon's log says more")

    def _answer_error(self, request: Request, status: int, word: str, text: str) -> Response:
        asks_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_NO_PAGES)
        return (
            self._error_page(request, status, text) if asks_page else error_answer(status, text, word, _again(status))
        )


def _again(status: int) -> dict[str, str] | None:
    return {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
