"""Cutting Markdown to a destination's size, or into several posts of that size.

A part ends between paragraphs where it can, else between lines, else between words, else anywhere but inside a
character with its accents. A code block that goes on in the next part is closed and opened again. Parts are not
numbered: chat services show them one below the other in order, and a "2/3" in the text would be the one thing in it
that nobody wrote. Lengths are counted in Unicode code points ("runes"), as the services count.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

CUT_NOTE: Final = "… (cut)"
LEAST_FOR_BLOCKS_RUNES: Final = 256
_FENCE: Final = re.compile(r" {0,3}(`{3,20}|~{3,20})([^`~\n]{0,40})")
_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f\u20e3")
_BREAKS: Final = ("\n\n", "\n", " ")
_LEAST_SHARE: Final = 3  # a break in the first third of the room is not worth the empty space


def split_text(text: str, max_runes: int) -> tuple[str, ...]:
    """The text in parts of at most ``max_runes`` (at least 1) each; a text that fits is one part.

    Nothing but blanks and newlines at a break is lost, and no part is empty. Below 256 runes a code block is not opened
    again: there would be more fence than code.
    """
    parts: list[str] = []
    opening = ""
    rest = text
    while len(opening) + len(rest) > max_runes:
        end, opened = _end_of_part(rest, max_runes, opening)
        body, rest = _apart(rest, end, in_block=bool(opened))
        if body:
            parts.append(f"{opening}{body}{_closing(opened)}")
        opening = opened
    if rest or not parts:
        parts.append(f"{opening}{rest}")
    return tuple(parts)


def cut_text(text: str, max_runes: int, note: str = CUT_NOTE) -> str:
    """The text if it fits, else its beginning, its code block closed, and ``note``, in at most ``max_runes``."""
    if len(text) <= max_runes:
        return text
    room = max_runes - len(note) - 1
    if room < 1:
        return text[:max_runes]
    end, opened = _end_of_part(text, room, "")
    body, _ = _apart(text, end, in_block=bool(opened))
    return f"{body}{_closing(opened)}\n{note}" if opened else f"{body} {note}"


def _end_of_part(text: str, max_runes: int, opening: str) -> tuple[int, str]:
    """Where a part ends, and the opening line of the code block that goes on behind it ("" when none does)."""
    room = max_runes - len(opening)
    reserve = 0
    while True:
        end = _break_in(text, room - reserve)
        opened = _open_block(f"{opening}{text[:end]}") if max_runes >= LEAST_FOR_BLOCKS_RUNES else ""
        if len(_closing(opened)) <= reserve:
            return end, opened
        reserve = len(_closing(opened))


def _apart(text: str, end: int, *, in_block: bool) -> tuple[str, str]:
    """The two sides of a break, without the blanks and newlines at it; inside a code block only a newline goes."""
    body, rest = text[:end], text[end:]
    if in_block:
        return body, rest.removeprefix("\n")
    return body.rstrip(" \n"), rest.lstrip("\n") if rest.startswith("\n") else rest.lstrip(" ")


def _break_in(text: str, room: int) -> int:
    """Where to end a part of at most ``room`` runes: before the last good break."""
    if len(text) <= room:
        return len(text)
    for mark in _BREAKS:
        place = text.rfind(mark, 0, room + len(mark))
        if place >= max(1, room // _LEAST_SHARE):
            return place
    end = room
    while end > 1 and continues(text, end):
        end -= 1
    return end if end > 1 else room


def continues(text: str, index: int) -> bool:
    """Whether the character at ``index`` belongs to the one before it."""
    sign = text[index]
    return (
        bool(unicodedata.combining(sign))
        or sign in _JOINERS
        or text[index - 1] == "\u200d"
        or text[index - 1] == "\\"
        or "\U0001f3fb" <= sign <= "\U0001f3ff"
    )


def _open_block(text: str) -> str:
    """The opening line of a fenced code block that is not closed in ``text``, with its newline, or ""."""
    fence = info = ""
    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if match is None:
            continue
        if not fence:
            fence, info = match[1], match[2]
        elif match[1].startswith(fence) and not match[2].strip():
            fence = info = ""
    return f"{fence}{info}\n" if fence else ""


def _closing(opened: str) -> str:
    """The line that closes the block of an opening line, with a newline before it."""
    match = _FENCE.match(opened)
    return f"\n{match[1]}" if match else ""
