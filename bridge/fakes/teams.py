"""A stand-in for a Teams workflow: 202 for a card that it can read, and the errors of the service that runs it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served, json_reply, text_reply
from broker.clock import Clock, SystemClock

_MAX_BYTES: Final = 28 * 1024
_CARD: Final = "application/vnd.microsoft.card.adaptive"


class FakeTeams(Served):
    """A Teams workflow that takes cards for one channel.

    ``is_on`` and ``exists`` may be set at any time; ``script`` makes trouble.

    ``legacy`` makes it an Office 365 connector: 200 with ``1``, or with ``HTTP error 429`` in the body when it is
    ``throttled``.
    """

    PATH: Final = "/workflows/0123456789abcdef/triggers/manual/paths/invoke"
    QUERY: Final = "api-version=2016-06-01&sig=abcdefghijklmnopqrstuvwxyz0123456789"

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(self._respond, clock or SystemClock())
        self.cards: list[Mapping[str, Any]] = []
        self.is_on = True
        self.exists = True
        self.legacy = False
        self.throttled = False
        self._lock = threading.Lock()

    @property
    def hook_url(self) -> str:
        """The workflow's address."""
        return f"{self.base_url}{self.PATH}?{self.QUERY}"

    @property
    def shown(self) -> list[str]:
        """All text of each card, one line for each block."""
        return ["\n".join(_texts(card)) for card in self.cards]

    def _respond(self, request: Request) -> Reply:
        if request.method == "OPTIONS":
            return Reply(204)
        if request.path != self.PATH or not self.exists:
            return _error(404, "WorkflowNotFound", "The workflow could not be found.")
        if request.query != self.QUERY:
            return _error(401, "DirectApiAuthorizationRequired", "The request must be authenticated.")
        if not self.is_on:
            return _error(400, "WorkflowTriggerIsNotEnabled", "The trigger 'manual' is not enabled.")
        if self.throttled:
            text = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
            return text_reply(text) if self.legacy else _error(429, "WorkflowRunActionsThrottled", "Too many runs.")
        if len(request.body) > _MAX_BYTES:
            return _error(413, "RequestEntityTooLarge", "The request content is too large.")
        return self._take(request)

    def _take(self, request: Request) -> Reply:
        try:
            (attachment,) = request.json()["attachments"]
        except (ValueError, KeyError, TypeError):
            attachment = {}
        if attachment.get("contentType") != _CARD:
            return _error(400, "TriggerInputSchemaMismatch", "The input does not match the schema of the trigger.")
        with self._lock:
            self.cards.append(attachment["content"])
        return text_reply("1") if self.legacy else Reply(202)


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply({"error": {"code": code, "message": message}}, status)


def _texts(element: Mapping[str, Any]) -> list[str]:
    """The texts of an element and of what it holds, in order."""
    if element["type"] == "TextBlock":
        return [element["text"]]
    if element["type"] == "FactSet":
        return [f"{fact['title']}: {fact['value']}" for fact in element["facts"]]
    inside = element.get("body", element.get("items", ()))
    return [text for each in inside for text in _texts(each)]
