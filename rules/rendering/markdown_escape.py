"""The last step of a rendering: parts to Markdown, each event value escaped for the place where it stands.

Only here is the whole text in sight, and only with it is the least escaping enough: whether a value begins a line, sits
in a table row or a quote, in an address, or inside code of the author's, where a backslash would be shown and a
backtick must not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from rules.rendering.escape import (
    ZERO_WIDTH,
    clean,
    escape_in_code,
    escape_in_fence,
    escape_in_info,
    escape_in_url,
    escape_value,
    is_clean,
    is_plain,
    mention_follows,
    strip_slack_forms,
)
from rules.rendering.markdown import MarkdownBlock, Mixed, Value

EscapeContext: TypeAlias = Literal["text", "code", "fence", "info"]
"""Where a value stands: in text, a code span, a fenced block, or behind the opening fence of one."""

_LINE_MARKS: Final = " \t>-+*"
_BLANKS: Final = " \t\u00a0"
_LINE_BEGINNING: Final = 40
_TAIL: Final = 400
_LONGEST_AT: Final = 12
_AUTHORS_AT: Final = re.compile(r"(?<![0-9A-Za-z])@([A-Za-z]{0,8})\Z")
_END_OF_URL: Final = re.compile(r"[\s|<>\[\]()\"'`]")
_PREFIX: Final = re.compile(r"[ \t]*(\||#{1,6}[ \t]|>)")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})([^`~\n]*)$", re.MULTILINE)
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_TICKS: Final = re.compile(r"`+")
_INK: Final = re.compile("[^\n \t\u00a0]")


def raw_text(parts: Sequence[str]) -> str:
    """The raw text of parts, with nothing escaped; only what no store can keep is dropped."""
    return make_storable("".join(parts))


def markdown(parts: Sequence[str]) -> str:
    """The Markdown of parts: the author's as written, the event's escaped for the place where it stands."""
    flat: list[str] = []
    for part in parts:
        if type(part) is Mixed:
            flat.extend(part.parts)
        elif part:
            flat.append(part)
    authors = "".join([part for part in flat if type(part) is not Value])
    if "@" in authors or "`" in authors or "~~~" in authors or "://" in authors:
        return make_storable("".join(_CarefulAssembly(_clean(flat), authors).out))
    return make_storable("".join(_Assembly(flat).out))


def _clean(parts: list[str]) -> list[str]:
    cleaned = [Value(clean(part)) if type(part) is Value and not is_clean(part) else part for part in parts]
    return [part for part in cleaned if part]


def make_storable(text: str) -> str:
    """The text without NUL, and with halves of surrogate pairs (which no encoding can carry) as U+FFFD."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "")


class _Assembly:
    """Writes parts to ``out`` one after the other, for authors' text without code, addresses and mentions."""

    def __init__(self, parts: list[str]) -> None:
        self.parts = parts
        self.out: list[str] = []
        self.line_from = 0  # where in ``out`` the current line goes on
        self.beginning = ""  # what it begins with, in the piece before
        self._pipes: bool | None = None
        for index, part in enumerate(parts):
            if type(part) is Value:
                self.write(part if self.may_stay(part) else self.escape(index, clean(part)))
            elif type(part) is MarkdownBlock:
                self.write_block(index, part)
            else:
                self.write(part)

    def may_stay(self, value: str) -> bool:
        """Whether a value can stand here as it is; a quick look that settles most of them."""
        return is_plain(value)

    def write(self, text: str) -> None:
        """Add a piece to the output."""
        self.out.append(text)
        if "\n" in text:
            self.line_from = len(self.out)
            begin = text.rfind("\n") + 1
            self.beginning = text[begin : begin + _LINE_BEGINNING]

    def write_block(self, index: int, block: str) -> None:
        """A block has lines of its own, whatever stands around it."""
        block = strip_slack_forms(block, pipes=self.pipes)
        self.write(f"\n{block}" if self.line else block)
        after = self.parts[index + 1] if index + 1 < len(self.parts) else "\n"
        if type(after) is Value or not after.startswith("\n"):
            self.write("\n")

    def escape(self, index: int, value: str) -> str:
        """A value that stands in text, kept inside the table row, heading or quote that the author began."""
        line = self.line
        prefix = _PREFIX.match(line) if "\n" in value else None
        if prefix is not None and prefix[1] != ">":
            value = value.replace("\n", " ")
        escaped = escape_value(value, line_start=not line.strip(_LINE_MARKS), pipes="<" not in value or self.pipes)
        if value[:1] in _BLANKS and line and not line.strip(_BLANKS):
            escaped = f"{ZERO_WIDTH}{escaped}"  # the author's blanks and the value's may make an indent together
        return escaped.replace("\n", "\n> ") if prefix is not None and prefix[1] == ">" else escaped

    @property
    def pipes(self) -> bool:
        """Whether a pipe stands anywhere in the text."""
        if self._pipes is None:
            self._pipes = "|" in "".join(self.parts)
        return self._pipes

    @property
    def line(self) -> str:
        """The beginning of the current line, as far as it is written."""
        if len(self.beginning) == _LINE_BEGINNING:
            return self.beginning
        pieces = self.out[self.line_from : self.line_from + _LINE_BEGINNING]
        return (self.beginning + "".join([piece[:_LINE_BEGINNING] for piece in pieces]))[:_LINE_BEGINNING]


class _CarefulAssembly(_Assembly):
    """The same where an author's code, address or ``@`` may stand around a value."""

    def __init__(self, parts: list[str], authors: str) -> None:
        self.ats = "@" in authors
        self.urls = "://" in authors
        self.surroundings = _surroundings(parts) if "`" in authors or "~~~" in authors else None
        self.tail = ""
        self.row = False  # whether the current line holds a pipe
        super().__init__(parts)

    def may_stay(self, value: str) -> bool:
        """Only a closer look can tell."""
        return False

    def write(self, text: str) -> None:
        """Add a piece to the output, and remember how it ends."""
        super().write(text)
        self.tail = f"{self.tail}{text[-_TAIL:]}"[-_TAIL:]
        self.row = "|" in text.rpartition("\n")[2] or (self.row and "\n" not in text)

    def escape(self, index: int, value: str) -> str:
        """A value in code, in an address, behind an ``@``, or in text after all."""
        surroundings = self.surroundings[index] if self.surroundings is not None else "text"
        if surroundings == "fence":
            return escape_in_fence(value, pipes=self.pipes)
        if surroundings == "info":
            return escape_in_info(value)
        if surroundings == "code":
            return escape_in_code(value, table=self.row, pipes=self.pipes)
        if self.urls and self._in_address():
            return escape_in_url(value)
        escaped = super().escape(index, value)
        return f"{ZERO_WIDTH}{escaped}" if self.ats and self._completes_a_mention(index) else escaped

    def _in_address(self) -> bool:
        """Whether an address goes on up to here."""
        start = max(self.tail.rfind("http://"), self.tail.rfind("https://"))
        return start >= 0 and _END_OF_URL.search(self.tail, start) is None

    def _completes_a_mention(self, index: int) -> bool:
        """Whether an author's ``@`` before this value would make it ping everybody."""
        match = _AUTHORS_AT.search(self.tail[-_LONGEST_AT:])
        return match is not None and mention_follows(
            match[1], "".join(part[:32] for part in self.parts[index : index + 12])
        )


def _surroundings(parts: list[str]) -> list[EscapeContext]:
    """Where each part begins.

    Values stand in as letters, blanks and newlines, for nothing else of them keeps a power. In doubt a part is in text,
    where more is escaped: a stray backtick of the author's must not switch the escaping off. In an author's code span a
    value of several lines will be one line, so there its newlines do not count.
    """
    skeleton = [_skeleton(part) for part in parts]
    texts = _contexts(skeleton)
    lines = [part.replace("\n", " ") if type(parts[n]) is Value else part for n, part in enumerate(skeleton)]
    if lines == skeleton:
        return texts
    joined = _contexts(lines)
    return [text if text != "text" or other != "code" else other for text, other in zip(texts, joined, strict=True)]


def _contexts(parts: Sequence[str]) -> list[EscapeContext]:
    """Where each part of a text begins."""
    regions = list(_code_regions("".join(parts)))
    texts: list[EscapeContext] = []
    offset = place = 0
    for part in parts:
        while place < len(regions) and regions[place][1] <= offset:
            place += 1
        inside = place < len(regions) and regions[place][0] <= offset
        texts.append(regions[place][2] if inside else "text")
        offset += len(part)
    return texts


def _skeleton(part: str) -> str:
    if type(part) is MarkdownBlock:
        return "\n" * len(part)
    return _INK.sub("x", part).replace("\u00a0", " ") if type(part) is Value else part


def _code_regions(text: str) -> Iterator[tuple[int, int, EscapeContext]]:
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
