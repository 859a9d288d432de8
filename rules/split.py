"""Cutting Markdown to a destination's size, or into several posts of that size.

A part ends between paragraphs where it can, else between lines, else between words, else anywhere but inside a character
with its accents. A code block that goes on in the next part is closed and opened again. Parts are not numbered: chat
services show them one below the other in order, and a "2/3" in the text would be the one thing in it that nobody wrote.
Lengths are counted in Unicode code points ("runes"), as the services count.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

CUT_NOTE: Final = "… (cut)"
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})([^`~\n]*)$", re.MULTILINE)
_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f\u20e3")
_LONGEST_INFO_RUNES: Final = 40
_BREAKS: Final = ("\n\n", "\n", " ")
_LEAST_SHARE: Final = 3  # a break in the first third of the room is not worth its empty space


def split_text(text: str, max_runes: int) -> tuple[str, ...]:
    """The text in parts of at most ``max_runes`` each; a text that fits is one part.

    Nothing but the blanks or the newline at a break is lost. ``max_runes`` is at least 1; below 64 code blocks are not
    opened again.
    """
    parts: list[str] = []
    opening = ""
    rest = text
    while len(opening) + len(rest) > max_runes:
        room = max_runes - len(opening)
        kept, rest, opened = _first_part(rest, room, opening, max_runes)
        parts.append(f"{opening}{kept}{_closing(opened)}")
        opening = opened
    if rest or not parts:
        parts.append(f"{opening}{rest}")
    return tuple(parts)


def cut_text(text: str, max_runes: int, note: str = CUT_NOTE) -> str:
    """The text if it fits, else its beginning, closed code blocks and ``note``, in at most ``max_runes``."""
    if len(text) <= max_runes:
        return text
    tail = f" {note}" if note else ""
    room = max_runes - len(tail)
    if room < 1:
        return text[:max_runes]
    kept, _, opened = _first_part(text, room, "", max_runes)
    if opened:
        return f"{kept}{_closing(opened)}\n{note}"[:max_runes] if note else f"{kept}{_closing(opened)}"
    return f"{kept}{tail}"


def _first_part(text: str, room: int, opening: str, max_runes: int) -> tuple[str, str, str]:
    """What goes into a part, what is left, and the opening of the code block that goes on ("" when none does)."""
    reopens = max_runes >= 64
    end = _break_in(text, room)
    opened = _open_block(f"{opening}{text[:end]}") if reopens else ""
    if opened:
        end = _break_in(text, max(1, room - len(_closing(opened))))
        opened = _open_block(f"{opening}{text[:end]}")
    kept, rest = text[:end], text[end:]
    if opened:
        return kept.removesuffix("\n"), rest.removeprefix("\n") if not kept.endswith("\n") else rest, opened
    return kept.rstrip(" \n"), rest.lstrip("\n") if "\n" in kept[-1:] + rest[:1] else rest.lstrip(" "), ""


def _break_in(text: str, room: int) -> int:
    """Where to end a part of at most ``room`` runes: behind the last good break."""
    if len(text) <= room:
        return len(text)
    for mark in _BREAKS:
        found = text.rfind(mark, 0, room + len(mark))
        if found >= max(1, room // _LEAST_SHARE):
            return min(found + len(mark), room) if found + len(mark) > room else found + len(mark)
    end = room
    while end > 1 and _continues(text, end):
        end -= 1
    return end if end > 1 or room == 1 else room


def _continues(text: str, index: int) -> bool:
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
        found = _FENCE.fullmatch(line)
        if found is None:
            continue
        if not fence:
            fence, info = found[1], found[2]
        elif found[1].startswith(fence) and not found[2].strip():
            fence = info = ""
    return f"{fence}{info[:_LONGEST_INFO_RUNES]}\n" if fence else ""


def _closing(opened: str) -> str:
    fence = opened.strip()
    return f"\n{fence[: len(fence) - len(fence.lstrip(fence[0]))]}" if fence else ""
