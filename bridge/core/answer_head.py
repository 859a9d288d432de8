"""The head of an HTTP/1 answer, read leniently: what a service or the proxies before it wrote, not what they ought to.

The status line decides what became of a request, so nothing behind it may hide it: folded lines, bare line feeds,
spaces before colons, long and doubled headers are read for what they mean, and what means nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_STATUS_LINE: Final = re.compile(rb"HTTP/(\d+)(?:\.(\d+))?[ \t]+(\d{3})(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_LENGTH: Final = re.compile(rb"\d{1,18}")
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"trailer"})
_ALWAYS_KEPT: Final = frozenset(
    {b"content-encoding", b"content-type", b"location", b"retry-after", b"x-oauth-scopes", b"x-ratelimit-remaining"}
    | {b"x-ratelimit-reset", b"x-ratelimit-reset-after"}
)
_MOST_HEADERS: Final = 80
_LONGEST_VALUE_BYTES: Final = 4_096
_LONGEST_PHRASE_BYTES: Final = 120
_PACKED: Final = frozenset({b"gzip", b"x-gzip", b"deflate", b"compress"})
_BODILESS: Final = frozenset({204, 304})
_INTERIM: Final = range(100, 200)
_SWITCHING: Final = 101


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """The status line and headers of an answer.

    ``length`` None with ``is_chunked`` False is a body that ends with the connection.

    ``must_close``: what follows the body, if anything, belongs to no answer, so the connection is not used again.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    phrase: bytes = b""
    length: int | None = None
    is_chunked: bool = False
    must_close: bool = False

    @property
    def is_interim(self) -> bool:
        """Whether the answer proper is still to come."""
        return self.status in _INTERIM and self.status != _SWITCHING

    @property
    def switches(self) -> bool:
        """Whether what follows is no HTTP any more."""
        return self.status == _SWITCHING

    def serialize(self) -> bytes:
        """The head as the strictest reader takes it."""
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.phrase or b"-")]
        lines += [b"%s: %s" % pair for pair in self.headers]
        if self.switches:
            lines.append(b"Connection: upgrade")
        elif self.is_chunked:
            lines.append(b"Transfer-Encoding: chunked")
        elif self.length is not None and self.status not in _BODILESS:
            lines.append(b"Content-Length: %d" % self.length)
        if self.must_close and not self.switches:
            lines.append(b"Connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"


def is_status_line(line: bytes) -> bool:
    """Whether a line begins an HTTP answer."""
    return _STATUS_LINE.fullmatch(line.strip()) is not None


def read_head(lines: list[bytes], *, with_body: bool) -> AnswerHead:
    """The head in these lines, the first of which is a status line; ``with_body`` False for an answer to HEAD."""
    match = _STATUS_LINE.fullmatch(lines[0].strip())
    if match is None:
        raise ValueError("this is no status line")
    status, fields = int(match[3]), list(_headers(lines[1:]))
    phrase = _CONTROL.sub(b" ", match[4] or b"").strip()[:_LONGEST_PHRASE_BYTES]
    named = [word for name, value in fields if name.lower() == b"connection" for word in _words(value)]
    lasts = b"close" not in named and ((int(match[1]), int(match[2] or 0)) != (1, 0) or b"keep-alive" in named)
    codings = [word for name, value in fields if name.lower() == b"transfer-encoding" for word in _words(value)]
    lengths = {word for name, value in fields if name.lower() == b"content-length" for word in _words(value)}
    packings = [(b"Content-Encoding", coding) for coding in codings if coding in _PACKED]
    headers = (*packings, *_keep_relevant(fields))
    if not with_body or status in _BODILESS:
        has_one = with_body and (bool(codings) or not lengths <= {b"0"})
        return AnswerHead(status, headers, phrase, length=0, must_close=has_one or not lasts)
    if codings:
        is_chunked = codings[-1] == b"chunked"
        doubtful = bool(lengths) or not is_chunked
        return AnswerHead(status, headers, phrase, is_chunked=is_chunked, must_close=doubtful or not lasts)
    sizes = sorted(int(length) for length in lengths if _LENGTH.fullmatch(length))
    if not sizes:
        return AnswerHead(status, headers, phrase, must_close=True)
    return AnswerHead(status, headers, phrase, length=sizes[0], must_close=len(lengths) > 1 or not lasts)


def _headers(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Names and values; a line that begins with white space goes on the one before it."""
    unfolded: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if unfolded:
                unfolded[-1] += b" " + line.strip()
        else:
            unfolded.append(line)
    for line in unfolded:
        name, colon, value = line.partition(b":")
        name = name.rstrip()
        if colon and _NAME.fullmatch(name):
            yield name, _CONTROL.sub(b" ", value).strip()


def _keep_relevant(fields: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """What may matter to somebody, without what says how the body is framed, and none that is too long to matter."""
    count = 0
    for name, value in fields:
        if name.lower() in _FRAMING or len(name) + len(value) > _LONGEST_VALUE_BYTES:
            continue
        count += 1
        if count <= _MOST_HEADERS or (name.lower() in _ALWAYS_KEPT and count <= 2 * _MOST_HEADERS):
            yield name, value


def _words(value: bytes) -> list[bytes]:
    return [word.strip().lower() for word in value.split(b",") if word.strip()]
