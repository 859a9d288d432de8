"""A receiver for any webhook: keeps what it is sent and answers what it is told to.

It also answers ``GET /ams_verification_hash``, by which an AMS proves that a push endpoint agrees to be pushed to.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bridge.fakes.exchange import Attempt, Reply, Request
from bridge.fakes.front import Front
from bridge.fakes.trouble import Script
from broker.clock import Clock, SystemClock

_PLAIN = ((b"content-type", b"text/plain; charset=utf-8"),)


class FakeWebhook:
    """Any path, any method: 200 with an empty body, or whatever ``reply`` is set to.

    ``verification_hash`` is what the verification path answers; None makes it a 404. ``script`` makes trouble.
    Answers of ``packs_from_bytes`` and more go out packed to who accepts it, as web servers are commonly set up to do.
    """

    VERIFICATION_PATH = "/ams_verification_hash"

    def __init__(
        self,
        *,
        reply: Reply | None = None,
        verification_hash: str | None = None,
        clock: Clock | None = None,
        keep_last: int = 100_000,
        packs_from_bytes: int | None = 1_000,
    ) -> None:
        self.reply = reply or Reply(200)
        self.verification_hash = verification_hash
        self.base_url = ""
        self._front = Front(
            self._respond, clock or SystemClock(), keep_last=keep_last, packs_from_bytes=packs_from_bytes
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, as ASGI asks for it."""
        await self._front(scope, receive, send)

    def let_go(self) -> None:
        """Release every request that is held."""
        self.script.let_go()

    @property
    def script(self) -> Script:
        """The trouble to come."""
        return self._front.script

    @property
    def attempts(self) -> list[Attempt]:
        """Every request and how it ended, verification included."""
        return self._front.attempts.all()

    @property
    def requests(self) -> list[Request]:
        """Every request but verification, in order of arrival, whatever was answered."""
        return [kept.request for kept in self.attempts if kept.request.path != self.VERIFICATION_PATH]

    def wait_for_attempts(self, count: int, timeout_s: float = 10.0) -> list[Attempt]:
        """Return once ``count`` requests have ended, however they did. Raises TimeoutError."""
        return self._front.attempts.wait_for(count, timeout_s)

    async def attempts_ended(self, count: int, timeout_s: float = 10.0) -> list[Attempt]:
        """As ``wait_for_attempts``, for a test that is a coroutine."""
        return await asyncio.to_thread(self.wait_for_attempts, count, timeout_s)

    def clear(self) -> None:
        """Forget what came so far; the script stays."""
        self._front.attempts.clear()

    def _respond(self, request: Request) -> Reply:
        if request.path != self.VERIFICATION_PATH or request.method != "GET":
            return self.reply
        if self.verification_hash is None:
            return Reply(404, b"not found\n", _PLAIN)
        return Reply(200, self.verification_hash.encode(), _PLAIN)
