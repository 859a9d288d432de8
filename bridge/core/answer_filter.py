"""Reads the bytes of an HTTP/1 answer leniently and writes them again as the strictest reader takes them.

It stands between the socket and aiohttp's parser, which refuses whole answers for a header over 8 KB, a length told
twice, a body behind 204 or a space in a chunk's size. A request that was answered would be sent again and again then.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from bridge.core.answer_head import AnswerHead, is_status_line, read_head

_LONGEST_HEAD_BYTES: Final = 1024 * 1024
_LONGEST_LINE_BYTES: Final = 64 * 1024
_LONGEST_SIZE_BYTES: Final = 4 * 1024
_LEAST_LINES: Final = 2
_MOST_INTERIM: Final = 100
_SIZE: Final = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class _At(Enum):
    """Where in an answer we are."""

    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    CHUNK = auto()
    BEHIND_CHUNK = auto()
    RAW = auto()
    OVER = auto()


class AnswerFilter:
    """One answer as it comes in. ``with_body`` False for an answer to HEAD.

    ``must_close``: the connection must not be used for another request. ``is_broken``: no more of the body can be
    read, so the connection is to be closed at once.
    """

    def __init__(self, *, with_body: bool = True) -> None:
        self.must_close = False
        self.is_broken = False
        self._with_body = with_body
        self._at = _At.HEAD
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._head_bytes = 0
        self._interim = 0
        self._left: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the answer is complete."""
        return self._at is _At.OVER

    def feed(self, data: bytes) -> bytes:
        """What may be passed on after these bytes came."""
        self._buffer += data
        out = bytearray()
        while self._buffer and not self.is_broken:
            before = len(self._buffer), self._at
            out += self._step()
            if (len(self._buffer), self._at) == before:
                break
        return bytes(out)

    def finish(self) -> bytes:
        """What may be passed on after the other side closed: a head that was cut off says what it says.

        A status line with no header behind it is no answer yet.
        """
        if self._at is not _At.HEAD or len(self._lines) < _LEAST_LINES:
            return b""
        return self._begin_body(cut_off=True)

    def _step(self) -> bytes:
        match self._at:
            case _At.HEAD:
                return self._read_head()
            case _At.CHUNK_SIZE:
                return self._read_size()
            case _At.BEHIND_CHUNK:
                return self._read_line_end()
            case _At.BODY | _At.CHUNK:
                return self._read_body()
            case _At.RAW:
                return self._take(len(self._buffer))
            case _At.OVER:
                self.must_close = True  # what came belongs to no answer
                self._buffer.clear()
                return b""

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _read_head(self) -> bytes:
        while (end := self._buffer.find(b"\n")) >= 0:
            line = self._take(end + 1).rstrip(b"\r\n")
            self._head_bytes += end + 1
            if not self._lines and line.strip() and not is_status_line(line):
                self._at, self.must_close = _At.RAW, True
                return line + b"\r\n"
            if line or self._lines:
                self._take_line(line)
            if (self._lines and not line) or self._head_bytes > _LONGEST_HEAD_BYTES:
                return self._begin_body()
        return self._without_end()

    def _take_line(self, line: bytes) -> None:
        if line.strip() and (self._lines or is_status_line(line)):
            self._lines.append(line[:_LONGEST_LINE_BYTES])

    def _without_end(self) -> bytes:
        """A line of the head that has not ended yet: the middle of one that is too long is let go."""
        if not self._lines and len(self._buffer) > _LONGEST_LINE_BYTES:
            self._at, self.must_close = _At.RAW, True
        elif len(self._buffer) > 2 * _LONGEST_LINE_BYTES:
            self._head_bytes += _LONGEST_LINE_BYTES
            del self._buffer[_LONGEST_LINE_BYTES : 2 * _LONGEST_LINE_BYTES]
            if self._head_bytes > _LONGEST_HEAD_BYTES:
                return self._begin_body()
        return b""

    def _begin_body(self, *, cut_off: bool = False) -> bytes:
        head = read_head(self._lines, with_body=self._with_body)
        self._lines = []
        if cut_off and (head.is_interim or head.switches):
            return b""
        if self._head_bytes > _LONGEST_HEAD_BYTES or cut_off:
            head = AnswerHead(head.status, head.headers, head.phrase, length=1, must_close=True)
            self.is_broken = True
        if head.is_interim and not self.is_broken:
            self._interim += 1
            self.is_broken = self._interim > _MOST_INTERIM
            self._head_bytes = 0
            return b""
        self.must_close = self.must_close or head.must_close
        self._left = head.length
        if head.switches:
            self._at = _At.RAW
        elif head.is_chunked:
            self._at = _At.CHUNK_SIZE
        else:
            self._at = _At.OVER if head.length == 0 else _At.BODY
        return head.serialize()

    def _read_body(self) -> bytes:
        """A body of a told length, the data of a chunk, or a body that ends with the connection."""
        if self._left is None:
            return self._take(len(self._buffer))
        data = self._take(min(self._left, len(self._buffer)))
        self._left -= len(data)
        if self._at is _At.BODY:
            self._at = _At.BODY if self._left else _At.OVER
            return data
        if not self._left:
            self._at = _At.BEHIND_CHUNK
        return b"%x\r\n%s\r\n" % (len(data), data)

    def _read_size(self) -> bytes:
        end = self._buffer.find(b"\n")
        if end < 0:
            self.is_broken = len(self._buffer) > _LONGEST_SIZE_BYTES
            return b""
        match = _SIZE.fullmatch(self._take(end + 1).rstrip(b"\r\n"))
        if match is None:
            self.is_broken = True
            return b""
        self._left = int(match[1], 16)
        if self._left:
            self._at = _At.CHUNK
            return b""
        self._at = _At.OVER
        if not _take_blank_line(self._buffer):
            self.must_close = True  # a trailer, or no end at all: the body is complete without it
            self._buffer.clear()
        return b"0\r\n\r\n"

    def _read_line_end(self) -> bytes:
        """The line end behind a chunk, if there is one."""
        if self._buffer == b"\r":
            return b""
        _take_blank_line(self._buffer)
        self._at = _At.CHUNK_SIZE
        return b""


def _take_blank_line(buffer: bytearray) -> bool:
    for end in (b"\r\n", b"\n"):
        if buffer.startswith(end):
            del buffer[: len(end)]
            return True
    return False
