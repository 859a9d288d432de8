"""A stand-in for Slack: one incoming webhook, and the part of the Web API that a bot uses.

Hooks answer a status and one word of plain text; the Web API answers 200 and says in ``ok`` whether it did it. Both
refuse messages over their limits as Slack does. One message a second and channel, with short bursts, when told to.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qs

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply, text_reply
from broker.clock import US_PER_S, Clock, SystemClock

_PING: Final = re.compile(r"<(!channel|!here|!everyone|@[UW][A-Z0-9]+|!subteam\^[A-Z0-9]+)[|>]")
_MAX_BLOCKS: Final = 50
_MAX_SECTION_RUNES: Final = 3_000
_MAX_FIELD_RUNES: Final = 2_000
_MAX_FIELDS: Final = 10
_MAX_ALL_RUNES: Final = 13_200
_MAX_TEXT_RUNES: Final = 40_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in its channel. ``edits`` counts how often it was changed."""

    channel: str
    ts: str
    by: str
    text: str = ""
    blocks: tuple[Mapping[str, Any], ...] = ()
    attachments: tuple[Mapping[str, Any], ...] = ()
    thread_ts: str = ""
    username: str = ""
    icon_emoji: str = ""
    edits: int = 0

    @property
    def shown(self) -> str:
        """All that people see, one line for each text; with blocks, ``text`` is for notifications only."""
        texts = list(_texts([*self.blocks, *(block for each in self.attachments for block in each.get("blocks", ()))]))
        return "\n".join(texts if self.blocks else [self.text, *texts]).strip("\n")

    @property
    def pings(self) -> frozenset[str]:
        """Whom it notifies: ``!channel``, ``!here``, ``@U123``."""
        return frozenset(_PING.findall(self.shown))


@dataclass(slots=True)
class Limits:
    """``per_s`` messages a second and channel after ``burst`` at once; None is no limit."""

    per_s: float | None = None
    burst: int = 5


@dataclass(slots=True)
class Refusal(Exception):
    """Why a call is refused, in Slack's one word; webhooks give it a status."""

    error: str
    status: int = 400
    more: dict[str, Any] = field(default_factory=dict)


class FakeSlack(Served):
    """A workspace with the channels ``alerts`` and ``general``, a webhook into ``alerts``, and a bot in both.

    ``hook_is_live``, ``archived`` (channel names), ``edits_closed`` and ``limits`` may be set at any time; ``script``
    makes trouble.
    """

    HOOK_PATH: Final = "/services/T00000001/B00000001/abcdefghijklmnopqrstuvwx"

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        super().__init__(self._respond, self._clock)
        self.bot_token = "xoxb-1234567890-abcdefghijklmnop"  # noqa: S105 - made up
        self.scopes = "chat:write,chat:write.public"
        self.channels = {"C00ALERTS": "alerts", "C0GENERAL": "general"}
        self.archived: set[str] = set()
        self.hook_is_live = True
        self.edits_closed = False
        self.limits = Limits()
        self.messages: list[Message] = []
        self._lock = threading.Lock()
        self._room: dict[str, tuple[float, float]] = {}
        self._last_us = 0

    @property
    def hook_url(self) -> str:
        """The webhook's address."""
        return self.base_url + self.HOOK_PATH

    @property
    def api_url(self) -> str:
        """The Web API's address."""
        return self.base_url + "/api"

    def delete(self, message: Message) -> None:
        """Delete a message, as a person does in the client."""
        with self._lock:
            self.messages = [each for each in self.messages if each.ts != message.ts]

    def _respond(self, request: Request) -> Reply:
        with self._lock:
            if request.path.startswith("/api/") and request.method == "POST":
                return self._api_reply(request, request.path.removeprefix("/api/"))
            if request.path.startswith("/services/") and request.method == "POST":
                return self._hook_reply(request)
        return text_reply("not found", 404)

    def _hook_reply(self, request: Request) -> Reply:
        try:
            return self._post_by_hook(request)
        except Refusal as refusal:
            return text_reply(refusal.error, refusal.status)

    def _post_by_hook(self, request: Request) -> Reply:
        if request.path != self.HOOK_PATH or not self.hook_is_live:
            raise Refusal("no_service", 404)
        asked = _payload(request)
        if "alerts" in self.archived:
            raise Refusal("channel_is_archived", 410)
        _check(asked)
        wait_s = self._wait_s("C00ALERTS")
        if wait_s:
            return Reply(429, b"rate_limited", ((b"retry-after", str(wait_s).encode()),))
        self._keep(asked, "C00ALERTS", "webhook")
        return text_reply("ok")

    def _api_reply(self, request: Request, method: str) -> Reply:
        try:
            return self._call(request, method)
        except Refusal as refusal:
            return json_reply({"ok": False, "error": refusal.error, **refusal.more}, x_oauth_scopes=self.scopes)

    def _call(self, request: Request, method: str) -> Reply:
        calls = {"auth.test": self._auth_test, "chat.postMessage": self._post_message, "chat.update": self._update}
        if method not in calls:
            raise Refusal("unknown_method")
        token = request.header("authorization")
        if token != f"Bearer {self.bot_token}":
            raise Refusal("invalid_auth" if token else "not_authed")
        wait_s = self._wait_s(str(_payload(request).get("channel"))) if method == "chat.postMessage" else 0
        if wait_s:
            return json_reply({"ok": False, "error": "ratelimited"}, 429, retry_after=str(wait_s))
        return json_reply({"ok": True, **calls[method](request)}, x_oauth_scopes=self.scopes)

    def _auth_test(self, request: Request) -> dict[str, Any]:
        return {"url": "https://example.slack.com/", "team": "Operations", "user": "ams-bridge", "bot_id": "B1"}

    def _post_message(self, request: Request) -> dict[str, Any]:
        if "chat:write" not in self.scopes.split(","):
            raise Refusal("missing_scope", more={"needed": "chat:write", "provided": self.scopes})
        asked = _payload(request)
        channel = self._channel(str(asked.get("channel", "")))
        _check(asked)
        thread = asked.get("thread_ts")
        if thread and not any(each.ts == thread for each in self.messages):
            raise Refusal("thread_not_found")
        message = self._keep(asked, channel, "bot")
        return {"channel": channel, "ts": message.ts, "message": {"text": message.text}}

    def _update(self, request: Request) -> dict[str, Any]:
        asked = _payload(request)
        message = next((each for each in self.messages if each.ts == asked.get("ts")), None)
        if message is None or message.channel != asked.get("channel"):
            raise Refusal("message_not_found" if message is None else "channel_not_found")
        if message.by != "bot":
            raise Refusal("cant_update_message")
        if self.channels.get(message.channel) in self.archived:
            raise Refusal("is_inactive")
        if self.edits_closed:
            raise Refusal("edit_window_closed")
        _check(asked)
        changed = replace(
            message,
            text=asked.get("text", message.text),
            blocks=tuple(asked.get("blocks", message.blocks)),
            attachments=tuple(asked.get("attachments", message.attachments)),
            edits=message.edits + 1,
        )
        self.messages[self.messages.index(message)] = changed
        return {"channel": message.channel, "ts": message.ts, "text": changed.text}

    def _channel(self, said: str) -> str:
        text = next((id_ for id_, name in self.channels.items() if said.removeprefix("#") in (id_, name)), None)
        if text is None:
            raise Refusal("channel_not_found")
        if self.channels[text] in self.archived:
            raise Refusal("is_archived")
        return text

    def _keep(self, asked: Mapping[str, Any], channel: str, by: str) -> Message:
        self._last_us = max(self._last_us + 1, self._clock.wall_us())
        message = Message(
            channel=channel,
            ts=f"{self._last_us // US_PER_S}.{self._last_us % US_PER_S:06d}",
            by=by,
            text=str(asked.get("text", ""))[:_MAX_TEXT_RUNES],
            blocks=tuple(asked.get("blocks", ())),
            attachments=tuple(asked.get("attachments", ())),
            thread_ts=asked.get("thread_ts", ""),
            username=asked.get("username", ""),
            icon_emoji=asked.get("icon_emoji", ""),
        )
        self.messages.append(message)
        return message

    def _wait_s(self, channel: str) -> int:
        """Take one place in a channel's rate; else the whole seconds to wait."""
        if self.limits.per_s is None:
            return 0
        now = self._clock.monotonic()
        room, at = self._room.get(channel, (float(self.limits.burst), now))
        room = min(float(self.limits.burst), room + (now - at) * self.limits.per_s)
        self._room[channel] = (room - 1 if room >= 1 else room, now)
        return 0 if room >= 1 else max(1, round((1 - room) / self.limits.per_s))


def _payload(request: Request) -> dict[str, Any]:
    body = request.body
    if (request.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(request.text).get("payload", [""])[0].encode()
    try:
        asked = json.loads(body)
    except ValueError:
        raise Refusal("invalid_payload") from None
    if not isinstance(asked, dict):
        raise Refusal("invalid_payload")
    return asked


def _check(asked: Mapping[str, Any]) -> None:
    """Slack's limits. Raises Refusal."""
    attachments = asked.get("attachments") or []
    blocks = [*(asked.get("blocks") or []), *(block for each in attachments for block in each.get("blocks", ()))]
    if not asked.get("text") and not blocks and not attachments:
        raise Refusal("no_text")
    if len(blocks) > _MAX_BLOCKS or any(_is_wrong(block) for block in blocks):
        raise Refusal("invalid_blocks")
    if sum(map(len, _texts(blocks))) > _MAX_ALL_RUNES:
        raise Refusal("msg_blocks_too_long")


def _is_wrong(block: Mapping[str, Any]) -> bool:
    fields = block.get("fields", [])
    too_long = any(len(each["text"]) > _MAX_FIELD_RUNES for each in fields) or len(fields) > _MAX_FIELDS
    text = block.get("text", {}).get("text")
    empty = block["type"] == "section" and not text and not fields
    return too_long or empty or text == "" or len(text or "") > _MAX_SECTION_RUNES


def _texts(blocks: list[Mapping[str, Any]]) -> list[str]:
    parts = [
        part for block in blocks for part in (block.get("text"), *block.get("fields", ()), *block.get("elements", ()))
    ]
    return [part["text"] for part in parts if part]
