"""What every stand-in for a web service has: a script of trouble, the log of attempts, and a way to wait for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bridge.fakes.exchange import Attempt, Reply
from bridge.fakes.front import Front, Service
from bridge.fakes.trouble import Script
from broker.clock import Clock

_KEEP_LAST = 100_000


class Served:
    """An ASGI application in front of a service, which is a plain function from request to reply.

    Answers of ``packs_from_bytes`` and more are packed for clients that accept it, as the real services do.
    """

    def __init__(
        self, service: Service, clock: Clock, *, packs_from_bytes: int | None = 0, keep_last: int = _KEEP_LAST
    ) -> None:
        self.base_url = ""
        self._front = Front(service, clock, keep_last=keep_last, packs_from_bytes=packs_from_bytes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as ASGI asks for it."""
        await self._front(scope, receive, send)

    def let_go(self) -> None:
        """Release every request that is held."""
        self.script.let_go()

    @property
    def script(self) -> Script:
        """The script of troubles to come."""
        return self._front.script

    @property
    def attempts(self) -> list[Attempt]:
        """Every request, whatever became of it, in order of arrival."""
        return self._front.attempts.all()

    def wait_for_attempts(self, count: int, timeout_s: float = 10.0) -> list[Attempt]:
        """Return once ``count`` requests have ended, however they did. Raises TimeoutError."""
        return self._front.attempts.wait_for(count, timeout_s)

    async def await_attempts(self, count: int, timeout_s: float = 10.0) -> list[Attempt]:
        """Return once ``count`` requests have ended, as ``wait_for_attempts`` does, for a test that is a coroutine."""
        return await asyncio.to_thread(self.wait_for_attempts, count, timeout_s)


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; an underscore in a header's name stands for a dash."""
    named = ((name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items())
    return Reply(status, json.dumps(value).encode(), ((b"content-type", b"application/json"), *named))


def text_reply(text: str, status: int = 200) -> Reply:
    """A plain-text answer."""
    return Reply(status, text.encode(), ((b"content-type", b"text/plain; charset=utf-8"),))
