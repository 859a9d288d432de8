"""A stand-in for a Rocket.Chat server: incoming integrations and the part of the REST API that posts.

It answers as the server's source says (apps/meteor/app/integrations/server/api/api.ts, processWebhookMessage.ts,
sendMessage.ts, api/server/v1/chat.ts): every failure is 400 with ``success: false``, but for a switched-off integration
(503), too many requests (429, with a moment in milliseconds as X-RateLimit-Reset) and a login that is missing (401).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import Clock, SystemClock

_US_PER_MS = 1_000
_URLS = ("title_link", "author_link", "message_link", "thumb_url", "image_url")


class Failure(Exception):
    """What the server says and does not do."""


class FakeRocketChat(Served):
    """One integration, one user, some rooms. ``messages`` is what stands there."""

    HOOK = "65a1f0c2d4e5b6a7c8d9e0f1"
    TOKEN = "qWertyuiopasdfghjklzxcvbnm1234567890"
    USER_ID = "rbAXPnMktTFbNpwtJ"
    USER_TOKEN = "9HqLlyZOugoStsXCUfD_0YdwnNnunAJF8V47U3QHXSq"

    def __init__(self, *, rooms: tuple[str, ...] = ("general", "ops"), clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        super().__init__(self._respond, self._clock, packs_from_bytes=1_000)
        self._lock = threading.Lock()
        self.rooms = rooms
        self.messages: list[dict[str, Any]] = []
        self.enabled = self.exists = self.may_override = True
        self.max_runes = 5_000
        self.wait_ms: int | None = None

    @property
    def hook_url(self) -> str:
        """The integration's URL."""
        return f"{self.base_url}/hooks/{self.HOOK}/{self.TOKEN}"

    def clear(self) -> None:
        """As it was at the beginning."""
        self.script.clear()
        self._front.attempts.clear()
        self.messages.clear()
        self.enabled = self.exists = self.may_override = True
        self.max_runes, self.wait_ms = 5_000, None

    def _respond(self, request: Request) -> Reply:
        if self.wait_ms is not None:
            text = f"Error, too many requests. Please slow down. You must wait {-(-self.wait_ms // 1000)} seconds "
            reset = self._clock.wall_us() // _US_PER_MS + self.wait_ms
            headers = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(reset), "x_ratelimit_limit": "10"}
            text += "before trying this endpoint again. [error-too-many-requests]"
            return json_reply({"success": False, "error": text}, 429, **headers)
        try:
            if request.path.startswith("/hooks/"):
                return self._hook(request)
            return self._rest(request)
        except Failure as failure:
            return json_reply({"success": False, "error": str(failure)}, 400)

    def _hook(self, request: Request) -> Reply:
        *words, hook, token = request.path.removeprefix("/hooks/").split("/")
        if (hook, token) != (self.HOOK, self.TOKEN) or not self.exists:
            raise Failure("Invalid integration id or token provided.")
        if words == ["info"]:
            return json_reply({"success": True})
        if not self.enabled:
            return json_reply({"success": False, "error": "Service Unavailable"}, 503)
        body = _json(request)
        if not body:
            return json_reply({"success": True})  # and posts nothing
        if body.get("channel") and not self.may_override:
            raise Failure("overriding destination channel is disabled for this integration")
        self._post({"channel": "#general"} | body)
        return json_reply({"success": True})

    def _rest(self, request: Request) -> Reply:
        login = request.header("x-user-id"), request.header("x-auth-token")
        if login != (self.USER_ID, self.USER_TOKEN):
            return json_reply({"status": "error", "message": "You must be logged in to do this."}, 401)
        if request.path == "/api/v1/me" and request.method == "GET":
            return json_reply({"_id": self.USER_ID, "username": "bridge", "success": True})
        if request.path != "/api/v1/chat.postMessage" or request.method != "POST":
            return Reply(404, b"")
        body = _json(request)
        texts = [body.get("text", ""), *(one.get("text", "") for one in body.get("attachments", ()))]
        if any(len(text) > self.max_runes for text in texts if isinstance(text, str)):
            raise Failure("error-message-size-exceeded")
        message = self._post(body)
        said = {"ts": self._clock.wall_us() // _US_PER_MS, "channel": body.get("channel"), "message": message}
        return json_reply(said | {"success": True})

    def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        channel = body.get("channel")
        if not isinstance(channel, str) or channel.lstrip("#@") not in self.rooms:
            raise Failure("invalid-channel")
        attachments = body.get("attachments", [])
        for one in attachments if isinstance(attachments, list) else ():
            _check_attachment(one)
        with self._lock:
            kept = {name: body[name] for name in ("text", "attachments", "alias", "tmid") if name in body}
            message = {"_id": f"message{len(self.messages):010}", "rid": channel.lstrip("#@"), **kept}
            self.messages.append(message)
        return message


def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Failure(f"{error}") from error
    return body if isinstance(body, dict) else {}


def _check_attachment(attachment: Mapping[str, Any]) -> None:
    for name in ("text", "color", "title", *_URLS):
        if name in attachment and not isinstance(attachment[name], str):
            raise Failure(f"Match error: Expected string, got {type(attachment[name]).__name__} in field {name}")
    for name in _URLS:
        if name in attachment and not attachment[name].startswith(("http://", "https://")):
            raise Failure("Invalid href value provided")
    for field in attachment.get("fields", ()):
        if not field.get("value") or not field.get("title"):
            raise Failure("Invalid attachment field, title and value is required")
