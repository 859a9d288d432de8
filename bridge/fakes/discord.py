"""A stand-in for Discord: one webhook with its limits, its rate headers, and edits of its own messages."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs

from bridge.fakes.exchange import Headers, Reply, Request
from bridge.fakes.served import Served, json_reply
from broker.clock import Clock, SystemClock

_MESSAGE: Final = re.compile(r"/messages/(\d+)")
_MENTION: Final = re.compile(r"@everyone|@here|<@&?!?\d+>")
_LIMITS: Final = {"title": 256, "description": 4_096}
_BURST: Final = 5
_PER_S: Final = 2.5


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in its channel or thread."""

    id: str
    content: str
    embeds: tuple[Mapping[str, Any], ...] = ()
    allowed: Mapping[str, Any] | None = None
    username: str = ""
    thread: str = ""
    flags: int = 0
    edits: int = 0

    @property
    def pings(self) -> frozenset[str]:
        """Whom it notifies: of what stands in ``content``, what ``allowed_mentions`` lets pass."""
        found = _MENTION.findall(self.content)
        if self.allowed is None:
            return frozenset(found)
        ids = {*self.allowed.get("users", ()), *self.allowed.get("roles", ())}
        everyone = "everyone" in self.allowed.get("parse", ())
        return frozenset(each for each in found if (everyone if each[0] == "@" else each.strip("<@&!>") in ids))


class FakeDiscord(Served):
    """A webhook into one channel with the thread ``77``. Its switches may be set at any time.

    ``exists``: the webhook; ``is_limited``: there is a rate limit; ``thread_is_archived``: nothing is taken there.
    """

    PATH: Final = "/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ"
    THREAD: Final = "77000000000000001"

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        super().__init__(self._respond, self._clock)
        self.messages: list[Message] = []
        self.exists = True
        self.is_limited = False
        self.thread_is_archived = False
        self._room = float(_BURST)
        self._at = self._clock.monotonic()
        self._lock = threading.Lock()

    @property
    def hook_url(self) -> str:
        """The webhook's address."""
        return self.base_url + self.PATH

    def delete(self, message: Message) -> None:
        """Delete a message, as a person does in the client."""
        with self._lock:
            self.messages = [each for each in self.messages if each.id != message.id]

    def _respond(self, request: Request) -> Reply:
        with self._lock:
            if not self.exists or not request.path.startswith("/api/webhooks/123456789012345678/"):
                return _error(404, 10015, "Unknown Webhook")
            if not re.fullmatch(rf"{self.PATH}(/messages/\d+)?", request.path):
                return _error(401, 50027, "Invalid Webhook Token")
            headers = self._take_room() if request.method != "GET" else ()
            if headers is None:
                wait_s = round((1 - self._room) / _PER_S, 3)
                limited = {"message": "You are being rate limited.", "retry_after": wait_s, "global": False}
                return json_reply(limited, 429, retry_after="1", x_ratelimit_scope="user")
            reply = self._answer(request)
            return replace(reply, headers=reply.headers + headers)

    def _answer(self, request: Request) -> Reply:
        if request.method == "GET":
            return json_reply({"id": "123456789012345678", "type": 1, "name": "alerts"})
        thread = parse_qs(request.query).get("thread_id", [""])[0]
        if thread and thread != self.THREAD:
            return _error(404, 10003, "Unknown Channel")
        try:
            asked = request.json()
        except ValueError:
            return _error(400, 50109, "The request body contains invalid JSON.")
        wrong = _wrong(asked)
        if wrong:
            return _error(400, 50035, f"Invalid Form Body: {wrong}")
        match = _MESSAGE.search(request.path)
        if thread and self.thread_is_archived:
            return _error(400, 50083, "Thread is archived")
        return self._edit(match[1], asked) if match else self._post(asked, thread, request.query)

    def _post(self, asked: Mapping[str, Any], thread: str, query: str) -> Reply:
        if not asked.get("content") and not asked.get("embeds"):
            return _error(400, 50006, "Cannot send an empty message")
        message = Message(
            id=str(1_100_000_000_000_000_000 + len(self.messages)),
            content=asked.get("content") or "",
            embeds=tuple(asked.get("embeds") or ()),
            allowed=asked.get("allowed_mentions"),
            username=asked.get("username", ""),
            thread=thread,
            flags=asked.get("flags", 0),
        )
        self.messages.append(message)
        waits = parse_qs(query).get("wait") == ["true"]
        return json_reply({"id": message.id, "content": message.content}) if waits else Reply(204)

    def _edit(self, message_id: str, asked: Mapping[str, Any]) -> Reply:
        message = next((each for each in self.messages if each.id == message_id), None)
        if message is None:
            return _error(404, 10008, "Unknown Message")
        changed = replace(
            message,
            content=asked.get("content", message.content) or "",
            embeds=tuple(asked.get("embeds", message.embeds) or ()),
            edits=message.edits + 1,
        )
        self.messages[self.messages.index(message)] = changed
        return json_reply({"id": changed.id, "content": changed.content})

    def _take_room(self) -> Headers | None:
        """The rate headers of a call there is room for, else None."""
        if not self.is_limited:
            return ()
        now = self._clock.monotonic()
        self._room = min(float(_BURST), self._room + (now - self._at) * _PER_S)
        self._at = now
        if self._room < 1:
            return None
        self._room -= 1
        told = {"limit": _BURST, "remaining": int(self._room), "reset-after": round((_BURST - self._room) / _PER_S, 3)}
        named = ((f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in told.items())
        return (*named, (b"x-ratelimit-reset", str(self._clock.wall_us() / 1e6 + 2).encode()))


def _wrong(asked: Mapping[str, Any]) -> str:
    """What is over Discord's limits, "" when nothing is."""
    if len(asked.get("content") or "") > 2_000:
        return "content: Must be 2000 or fewer in length."
    embeds = asked.get("embeds") or []
    if len(embeds) > 10:
        return "embeds: Must be 10 or fewer in length."
    return next((wrong for embed in embeds if (wrong := _wrong_embed(embed))), "")


def _wrong_embed(embed: Mapping[str, Any]) -> str:
    fields = embed.get("fields", [])
    texts = [embed.get("title", ""), embed.get("description", ""), embed.get("footer", {}).get("text", "")]
    texts += [text for each in fields for text in (each["name"], each["value"])]
    if any(len(embed.get(name, "")) > limit for name, limit in _LIMITS.items()) or len(texts[2]) > 2_048:
        return "embeds: a text is too long"
    if len(fields) > 25 or any(not 1 <= len(f["name"]) <= 256 or not 1 <= len(f["value"]) <= 1_024 for f in fields):
        return "embeds: a field is missing, too long, or too many"
    if "url" in embed and not embed["url"].startswith(("http://", "https://")):
        return "embeds: Scheme must be one of http, https"
    return "" if sum(map(len, texts)) <= 6_000 else "embeds: Embed size exceeds maximum size of 6000"


def _error(status: int, code: int, message: str) -> Reply:
    return json_reply({"code": code, "message": message}, status)
