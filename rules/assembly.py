"""The last step of a rendering: parts to Markdown, each event value escaped for the place where it stands.

Only here is the whole text in sight, and only with it is the least escaping enough: whether a value begins a line, sits
in a table row or a quote, in an address, or inside code of the author's, where a backslash would be shown and a
backtick must not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from rules.escape import (
    ZERO_WIDTH,
    clean,
    escape_in_code,
    escape_in_fence,
    escape_in_info,
    escape_in_url,
    escape_value,
    mention_follows,
    needs_escape,
)
from rules.markdown import Block, Mixed, Value

Surroundings: TypeAlias = Literal["text", "code", "fence", "info"]
"""Where a value stands: in text, a code span, a fenced block, or behind the opening fence of one."""

_LINE_MARKS: Final = " \t>-+*"
_LINE_BEGINNING: Final = 40
_TAIL: Final = 400
_AUTHORS_AT: Final = re.compile(r"(?<![0-9A-Za-z])@([A-Za-z]{0,8})\Z")
_IN_URL: Final = re.compile(r"https?://[^\s|<>\[\]()\"'`]*\Z")
_PREFIX: Final = re.compile(r"[ \t]*(\||#{1,6}[ \t]|>)")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})([^`~\n]*)$", re.MULTILINE)
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_TICKS: Final = re.compile(r"`+")
_NOT_NEWLINE: Final = re.compile("[^\n\r\x0b\x0c\x85\u2028\u2029]")
_NEWLINE: Final = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")


def plain(parts: Sequence[str]) -> str:
    """The raw text of parts, with nothing escaped; only what no store can keep is dropped."""
    return storable("".join(parts))


def markdown(parts: Sequence[str]) -> str:
    """The Markdown of parts: the author's as written, the event's escaped for the place where it stands."""
    flat: list[str] = []
    for part in parts:
        if type(part) is Mixed:
            flat.extend(part.parts)
        elif part:
            flat.append(part)
    return storable("".join(_Assembly(flat).out))


def storable(text: str) -> str:
    """The text without NUL, and with halves of surrogate pairs (which no encoding can carry) as U+FFFD."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "")


class _Assembly:
    """Writes parts to ``out`` one after the other, knowing what the current line holds so far."""

    def __init__(self, parts: list[str]) -> None:
        self.parts = parts
        self.out: list[str] = []
        self.line = ""  # the beginning of the current line
        self.row = False  # whether the current line holds a pipe
        self.tail = ""
        authors = "".join(part for part in parts if type(part) is not Value)
        self.pipes = "|" in authors or any("|" in part for part in parts)
        self.ats = "@" in authors
        self.urls = "://" in authors
        self.surroundings = _surroundings(parts) if "`" in authors or "~~~" in authors else None
        for index, part in enumerate(parts):
            if type(part) is Value:
                self._write(self._escaped(index, part))
            elif type(part) is Block:
                self._write_block(index, part)
            else:
                self._write(part)

    def _write(self, text: str) -> None:
        self.out.append(text)
        begin = text.rfind("\n") + 1
        if begin:
            self.line = text[begin : begin + _LINE_BEGINNING]
            self.row = self.pipes and "|" in text[begin:]
        else:
            if len(self.line) < _LINE_BEGINNING:
                self.line += text[:_LINE_BEGINNING]
            self.row = self.row or (self.pipes and "|" in text)
        if self.ats or self.urls:
            self.tail = f"{self.tail}{text[-_TAIL:]}"[-_TAIL:]

    def _write_block(self, index: int, block: str) -> None:
        """A block has lines of its own, whatever stands around it."""
        self._write(f"\n{block}" if self.line else block)
        after = self.parts[index + 1] if index + 1 < len(self.parts) else "\n"
        if type(after) is Value or not after.startswith("\n"):
            self._write("\n")

    def _escaped(self, index: int, value: str) -> str:
        surroundings = self.surroundings[index] if self.surroundings is not None else "text"
        if surroundings != "text":
            return self._in_code(value, surroundings)
        if self.urls and _IN_URL.search(self.tail):
            return escape_in_url(value)
        prefix = _PREFIX.match(self.line) if needs_escape(value) else None
        if prefix is not None and prefix[1] != ">":
            value = clean(value).replace("\n", " ")  # a table row or a heading is one line
        escaped = escape_value(value, line_start=not self.line.strip(_LINE_MARKS), pipes=self.pipes)
        if prefix is not None and prefix[1] == ">":
            escaped = escaped.replace("\n", "\n> ")
        return f"{ZERO_WIDTH}{escaped}" if self.ats and self._completes_a_mention(index) else escaped

    def _in_code(self, value: str, surroundings: Surroundings) -> str:
        if surroundings == "fence":
            return escape_in_fence(value)
        return escape_in_info(value) if surroundings == "info" else escape_in_code(value, table=self.row)

    def _completes_a_mention(self, index: int) -> bool:
        """Whether an author's ``@`` before this value would make it ping everybody."""
        found = _AUTHORS_AT.search(self.tail)
        return found is not None and mention_follows(
            found[1], "".join(part[:32] for part in self.parts[index : index + 12])
        )


def _surroundings(parts: list[str]) -> list[Surroundings]:
    """Where each part begins.

    Values stand in as letters and newlines, for nothing else of them keeps a power. In doubt a part is in text, where
    more is escaped: a stray backtick of the author's must not switch the escaping off.
    """
    regions = list(_code_regions("".join(_skeleton(part) for part in parts)))
    found: list[Surroundings] = []
    offset = place = 0
    for part in parts:
        while place < len(regions) and regions[place][1] <= offset:
            place += 1
        inside = place < len(regions) and regions[place][0] <= offset
        found.append(regions[place][2] if inside else "text")
        offset += len(part)
    return found


def _skeleton(part: str) -> str:
    if type(part) is Block:
        return "\n" * len(part)
    return _NEWLINE.sub("\n", _NOT_NEWLINE.sub("x", part)) if type(part) is Value else part


def _code_regions(text: str) -> Iterator[tuple[int, int, Surroundings]]:
    """The code spans and fenced blocks of Markdown text, as (start, end, kind)."""
    fence = ""
    offset = 0
    stray = False  # an unpaired run of backticks in this paragraph, which may pair with one of a later line
    for line in _LINES.findall(text):
        end = offset + len(line)
        mark = _FENCE.match(line)
        if fence:
            yield offset, end, "fence"
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif mark:
            fence, stray = mark[1], False
            yield offset + mark.end(1), end, "info"
        elif not line.strip():
            stray = False
        elif not stray and "`" in line:
            spans, stray = _spans(line)
            if not stray:
                yield from ((offset + start, offset + stop, "code") for start, stop in spans)
        offset = end


def _spans(line: str) -> tuple[list[tuple[int, int]], bool]:
    """The code spans of a line, and whether backticks are left over (or escaped, which readers treat differently)."""
    runs = list(_TICKS.finditer(line))
    following: dict[int, int] = {}
    closing: list[int | None] = [None] * len(runs)
    for index in range(len(runs) - 1, -1, -1):
        length = len(runs[index][0])
        closing[index] = following.get(length)
        following[length] = index
    spans: list[tuple[int, int]] = []
    index = 0
    while index < len(runs):
        partner = closing[index]
        if partner is None:
            return [], True
        spans.append((runs[index].end(), runs[partner].start()))
        index = partner + 1
    return spans, "\\`" in line
