"""What the server does with one request: rate limit, size, then the webhook, the REST API, or the web application."""

from __future__ import annotations

import re
from dataclasses import replace

from bridge.fakes.exchange import Headers, Reply, Request
from bridge.fakes.mattermost.errors import AppError, wrap_error
from bridge.fakes.mattermost.payload import read_payload
from bridge.fakes.mattermost.posting import post_by_hook
from bridge.fakes.mattermost.rate_limit import RateLimiter, refuse_excess
from bridge.fakes.mattermost.rest import LOOKUPS, Routes
from bridge.fakes.mattermost.rest_posts import POSTS
from bridge.fakes.mattermost.rest_reading import READS
from bridge.fakes.mattermost.wire import json_reply, ping
from bridge.fakes.mattermost.world import World

_HOOK_PATH = re.compile(r"/hooks/([A-Za-z0-9]+)")
_PLAIN: Headers = ((b"content-type", b"text/plain"),)
_HTML: Headers = ((b"content-type", b"text/html"),)
_TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)
_NO_PAGE = b"404 page not found\n"
_WEB_APP = b'<!DOCTYPE html><html lang="en"><head><title>Mattermost</title></head><body></body></html>'
_ROUTES = Routes({**LOOKUPS, **READS, **POSTS})


class Service:
    """Answers requests for one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limiter = RateLimiter()

    def respond(self, request: Request) -> Reply:
        """Answer one request, errors included."""
        limit = self._world.settings.rate_limit
        verdict = self._limiter.ask(request.client, limit, self._world.clock.monotonic()) if limit else None
        if verdict is not None and verdict.retry_after_s is not None:
            return refuse_excess(verdict)
        request_id = self._world.ids.new()
        try:
            reply = self._route(request)
        except AppError as error:
            reply = error.reply(request_id, self._world.settings)
        major, minor = self._world.settings.version
        version = f"{major}.{minor}.0.{major}.{minor}.0.fake.false"
        headers = ((b"x-request-id", request_id.encode()), (b"x-version-id", version.encode()))
        return replace(reply, headers=reply.headers + headers + (verdict.headers if verdict else ()))

    def _route(self, request: Request) -> Reply:
        limit = self._world.settings.payload_limit_bytes
        if limit is not None and len(request.body) > limit:
            detail = "Use the setting `MaximumPayloadSizeBytes` to configure the allowed payload limit."
            raise AppError("api.context.request_body_too_large.app_error", 413, detail=detail)
        if request.method == "POST" and (match := _HOOK_PATH.fullmatch(request.path)):
            return self._hook_reply(request, match[1])
        if request.path == "/api/v4/system/ping" and request.method == "GET":
            return json_reply(ping(self._world))
        if request.path.startswith("/api/"):
            return _ROUTES.answer(self._world, request)
        # Any other GET is the web application, hooks included: it says nothing about the hook.
        if request.method not in ("GET", "HEAD"):
            return Reply(405)
        return Reply(200, _WEB_APP, _HTML) if self._world.settings.web_client else Reply(404, _NO_PAGE, _TEXT)

    def _hook_reply(self, request: Request, hook_id: str) -> Reply:
        media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
        decoding = True
        try:
            payload = read_payload(request, media_type, self._world.settings)
            decoding = False
            post_by_hook(self._world, hook_id, payload, request)
        except AppError as error:
            if not self._world.settings.wraps_errors:
                raise
            raise wrap_error(error, hook_id=hook_id, media_type=media_type, decoding=decoding) from error
        return Reply(200, b"ok", _PLAIN)
