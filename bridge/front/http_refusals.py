"""What the front refuses: the answer a client gets, a count for each kind, and one log line per kind and minute."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import structlog

from bridge.front.limits import MOST_URL_BYTES
from broker.clock import Clock

Reason: TypeAlias = Literal[
    "bad_request",
    "bad_handshake",
    "body_too_slow",
    "framing_too_large",
    "handshake_too_slow",
    "head_too_large",
    "head_too_slow",
    "no_descriptors",
    "no_room",
    "reader_too_slow",
    "unknown_method",
    "url_too_long",
    "waited_longest",
]
"""Why a request or a connection was refused, as metrics and logs name it."""

_LINE_EVERY_S: Final = 60.0
_WORDS: Final = {503: "UNAVAILABLE", 408: "DEADLINE_EXCEEDED", 404: "NOT_FOUND"}
_MOST_NAMED: Final = 80

log = structlog.get_logger("front")


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """An answer of the front itself; ``text`` says what would help."""

    status: int
    reason: Reason
    text: str

    def answer(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The whole answer as it goes out, with the server's own headers; the connection ends with it."""
        word = _WORDS.get(self.status, "INVALID_ARGUMENT")
        body = json.dumps({"error": {"code": self.status, "message": self.text, "status": word}}).encode()
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        lines += [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close"]
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            lines.append(b"retry-after: 5")
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


HEAD_TOO_LARGE: Final = HttpRefusal(431, "head_too_large", "the head of the request is larger than 64 KiB")
URL_TOO_LONG: Final = HttpRefusal(414, "url_too_long", f"the address is longer than {MOST_URL_BYTES} bytes")
FRAMING_TOO_LARGE: Final = HttpRefusal(
    431, "framing_too_large", "chunk extensions and trailers of the body are larger than 64 KiB"
)
UNKNOWN_METHOD: Final = HttpRefusal(405, "unknown_method", "no such method")
NO_PROXY: Final = HttpRefusal(405, "unknown_method", "this is no proxy: CONNECT is not answered")
HEAD_TOO_SLOW: Final = HttpRefusal(408, "head_too_slow", "the head of the request did not arrive in time")
BODY_TOO_SLOW: Final = HttpRefusal(408, "body_too_slow", "the body of the request did not arrive in time")


@dataclass(slots=True)
class _Told:
    """What was logged of one kind, and what was not."""

    next_line_s: float
    untold: int = 0


class RefusalLog:
    """Counts what was refused, and logs one line per kind and minute, however many there are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Reason, _Told] = {}
        self.counts: dict[Reason, int] = {}

    def record(self, reason: Reason, client: str, text: str = "") -> None:
        """Count one; log it unless its kind was logged within the minute."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        tally, now_s = self._told.get(reason), self._clock.monotonic()
        if tally is not None and now_s < tally.next_line_s:
            tally.untold += 1
            return
        untold = tally.untold if tally is not None else 0
        self._told[reason] = _Told(now_s + _LINE_EVERY_S)
        log.warning("refused at the front", reason=reason, client=client, text=text[:_MOST_NAMED], and_before=untold)

    def tell_rest(self) -> None:
        """Log how many more there were of each kind whose minute is over."""
        now_s = self._clock.monotonic()
        for reason, tally in self._told.items():
            if tally.untold and now_s >= tally.next_line_s:
                log.warning("refused at the front", reason=reason, and_before=tally.untold)
                self._told[reason] = _Told(now_s + _LINE_EVERY_S)
