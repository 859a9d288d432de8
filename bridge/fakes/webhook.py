"""A receiver for any webhook: keeps what it is sent and answers what it is told to.

It also answers ``GET /ams_verification_hash``, by which an AMS proves that a push endpoint agrees to be pushed to.
"""

from __future__ import annotations

from bridge.fakes.exchange import Reply, Request
from bridge.fakes.served import Served
from broker.clock import Clock, SystemClock

_PLAIN = ((b"content-type", b"text/plain; charset=utf-8"),)


class FakeWebhook(Served):
    """A receiver that answers any path and method: 200 with an empty body, or whatever ``reply`` is set to.

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
        super().__init__(self._respond, clock or SystemClock(), packs_from_bytes=packs_from_bytes, keep_last=keep_last)
        self.reply = reply or Reply(200)
        self.verification_hash = verification_hash

    @property
    def requests(self) -> list[Request]:
        """Every request but verification, in order of arrival, whatever was answered."""
        return [kept.request for kept in self.attempts if kept.request.path != self.VERIFICATION_PATH]

    def clear(self) -> None:
        """Forget what came so far; the script stays."""
        self._front.attempts.clear()

    def _respond(self, request: Request) -> Reply:
        if request.path != self.VERIFICATION_PATH or request.method != "GET":
            return self.reply
        if self.verification_hash is None:
            return Reply(404, b"not found\n", _PLAIN)
        return Reply(200, self.verification_hash.encode(), _PLAIN)
